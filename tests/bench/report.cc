#include "tests/bench/report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "plugin/json/json.h"

namespace pinscope::bench {
namespace {

const Series* find(const Scenario& scenario, const std::string& program) {
  for (const auto& series : scenario.series)
    if (series.program == program && !series.wall_ns.empty()) return &series;
  return nullptr;
}

std::string decimal(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string milliseconds(uint64_t ns) {
  return decimal(static_cast<double>(ns) / 1e6, 3);
}

// How far the goal is reached, as a sentence with the words of the documents.
std::string verdict(const Scenario& scenario, const Goal& goal) {
  const auto reached = goal.at_least ? ratio(scenario, goal.reference, goal.program)
                                     : ratio(scenario, goal.program, goal.reference);
  if (!reached) return "";
  const bool met = goal.at_least ? *reached >= goal.limit : *reached <= goal.limit;
  const std::string subject =
      goal.at_least ? goal.reference + " / " + goal.program : goal.program + " / " + goal.reference;
  return scenario.name + ": " + subject + " is " + decimal(*reached, 3) + ", goal " +
         (goal.at_least ? "at least " : "at most ") + decimal(goal.limit, 2) + ": " +
         (met ? "met" : "missed");
}

}  // namespace

uint64_t percentile(std::vector<uint64_t> values, unsigned percent) {
  if (values.empty()) return 0;
  const size_t rank = (values.size() * percent + 99) / 100;
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

std::optional<double> ratio(const Scenario& scenario, const std::string& program,
                            const std::string& reference) {
  const Series* above = find(scenario, program);
  const Series* below = find(scenario, reference);
  if (above == nullptr || below == nullptr) return std::nullopt;
  return static_cast<double>(percentile(above->wall_ns, 50)) /
         static_cast<double>(percentile(below->wall_ns, 50));
}

std::string to_table(const std::vector<Scenario>& scenarios) {
  std::string text;
  char line[160];
  std::snprintf(line, sizeof line, "%-16s %-16s %5s %9s %9s %8s %8s %9s %9s\n", "scenario",
                "program", "runs", "p50 ms", "p99 ms", "/ floor", "/ empty", "cpu p50", "peak KiB");
  text += line;
  for (const auto& scenario : scenarios) {
    for (const auto& series : scenario.series) {
      const auto relative = [&](const char* reference) {
        const auto value = ratio(scenario, series.program, reference);
        return value ? decimal(*value, 3) : std::string("-");
      };
      std::snprintf(line, sizeof line, "%-16s %-16s %5zu %9s %9s %8s %8s %9s %9s\n",
                    scenario.name.c_str(), series.program.c_str(), series.wall_ns.size(),
                    milliseconds(percentile(series.wall_ns, 50)).c_str(),
                    milliseconds(percentile(series.wall_ns, 99)).c_str(), relative("floor").c_str(),
                    relative("empty").c_str(), milliseconds(percentile(series.cpu_ns, 50)).c_str(),
                    series.peak_kib == 0 ? "-" : std::to_string(series.peak_kib).c_str());
      text += line;
    }
  }
  text += "\n";
  for (const auto& scenario : scenarios)
    for (const auto& goal : scenario.goals)
      if (const auto sentence = verdict(scenario, goal); !sentence.empty()) text += sentence + "\n";
  return text;
}

std::string to_json(const std::vector<Scenario>& scenarios) {
  struct utsname machine {};
  ::uname(&machine);
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("kernel", std::string_view(machine.release));
  json.field("unit", "ns").key("scenarios").array();
  for (const auto& scenario : scenarios) {
    json.object().field("name", scenario.name).key("programs").array();
    for (const auto& series : scenario.series) {
      json.object().field("name", series.program);
      json.field("runs", uint64_t{series.wall_ns.size()});
      json.field("p50", percentile(series.wall_ns, 50));
      json.field("p99", percentile(series.wall_ns, 99));
      json.field("cpu_p50", percentile(series.cpu_ns, 50));
      for (const char* reference : {"floor", "empty"})
        if (const auto value = ratio(scenario, series.program, reference))
          json.field(std::string("thousandths_of_") + reference,
                     static_cast<uint64_t>(std::lround(*value * 1000)));
      if (series.peak_kib != 0) json.field("peak_kib", series.peak_kib);
      json.end();
    }
    json.end().end();
  }
  json.end().end();
  return std::string(json.text()) + "\n";
}

}  // namespace pinscope::bench
