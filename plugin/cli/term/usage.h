// What is said of a command line that makes no sense: which word it is, what may have been meant,
// and whose --help to read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace pinscope::cli {

// `; did you mean "audit"?` where one of the names is near to the word, otherwise nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

// The sentence for a first word that is no command; empty if it is one, or an option.
std::string refuse_unknown_command(const CLI::App& root, const std::string& word);

// The sentence for what CLI11 says of the command line `words`.
std::string explain_usage_error(const CLI::App& root, const std::vector<std::string>& words,
                                const CLI::Error& error);

// Whether the words ask for JSON, though they may not make sense otherwise.
bool asks_for_json(const std::vector<std::string>& words);

// {"error":{"code":"usage","message":"…"}}, on one line, as lines of JSON want it.
std::string error_as_json(std::string_view code, std::string_view sentence);

}  // namespace pinscope::cli
