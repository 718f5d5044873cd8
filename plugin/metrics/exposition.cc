#include "plugin/metrics/exposition.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "plugin/base/utf8.h"

namespace pinscope::metrics {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

void append_label_value(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const size_t length = utf8_length(value);
    if (length == 0) {
      out += kReplacement;
      value.remove_prefix(1);
      continue;
    }
    const std::string_view character = value.substr(0, length);
    if (character == "\n") {
      out += "\\n";
    } else {
      if (character == "\\" || character == "\"") out += '\\';
      out += character;
    }
    value.remove_prefix(length);
  }
}

// The shortest text that reads as the same number.
void append_number(std::string& out, double number) {
  if (std::isinf(number)) {
    out += number < 0 ? "-Inf" : "+Inf";
    return;
  }
  if (std::isnan(number)) {
    out += "NaN";
    return;
  }
  char text[64];
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  const bool is_integer = std::trunc(number) == number && std::fabs(number) <= kExactIntegers;
  const auto end =
      is_integer ? std::to_chars(std::begin(text), std::end(text), static_cast<int64_t>(number))
                 : std::to_chars(std::begin(text), std::end(text), number);
  out.append(std::begin(text), end.ptr);
}

// OpenMetrics wants the bounds of buckets as floats. Prometheus takes both, and a series must have
// one name whichever text is asked for.
std::string bound_text(double bound) {
  std::string text;
  append_number(text, bound);
  if (text.find_first_not_of("0123456789") == std::string::npos) text += ".0";
  return text;
}

class Writer {
 public:
  explicit Writer(Format format) : format_(format) {}

  void add(const Family& family) {
    const bool open_metrics = format_ == Format::kOpenMetrics;
    const std::string stored = stored_name(family);
    const std::string& head = open_metrics ? family.name : stored;
    text_ += "# HELP " + head + " " + family.help + "\n";
    text_ += "# TYPE " + head + " " + name_of(family.type) + "\n";
    for (const std::string_view unit : {"seconds", "bytes"})
      if (open_metrics && family.name.ends_with("_" + std::string(unit)))
        text_ += "# UNIT " + head + " " + std::string(unit) + "\n";
    for (const auto& sample : family.samples) line(stored, sample.labels, sample.value);
    for (const auto& histogram : family.histograms) add(family.name, histogram);
  }

  std::string take() {
    if (format_ == Format::kOpenMetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  void add(const std::string& name, const HistogramSample& histogram) {
    uint64_t count = 0;
    for (const auto& bucket : histogram.buckets) {
      count += bucket.count;
      Labels labels = histogram.labels;
      labels.emplace_back("le", bound_text(bucket.up_to));
      line(name + "_bucket", labels, static_cast<double>(count));
    }
    line(name + "_sum", histogram.labels, histogram.sum);
    line(name + "_count", histogram.labels, static_cast<double>(count));
  }

  void line(const std::string& name, const Labels& labels, double value) {
    text_ += name;
    char separator = '{';
    for (const auto& [label, content] : labels) {
      text_ += separator + label + "=\"";
      append_label_value(text_, content);
      text_ += '"';
      separator = ',';
    }
    if (!labels.empty()) text_ += '}';
    text_ += ' ';
    append_number(text_, value);
    text_ += '\n';
  }

  Format format_;
  std::string text_;
};

}  // namespace

std::string to_text(const std::vector<Family>& families, Format format) {
  Writer writer(format);
  for (const auto& family : families) writer.add(family);
  return writer.take();
}

std::string stored_name(const Family& family) {
  return family.type == Type::kCounter ? family.name + "_total" : family.name;
}

const char* name_of(Type type) {
  switch (type) {
    case Type::kGauge:
      return "gauge";
    case Type::kCounter:
      return "counter";
    case Type::kHistogram:
      return "histogram";
  }
  return "";
}

}  // namespace pinscope::metrics
