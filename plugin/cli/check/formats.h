// The findings of `pinscope check` as services that keep code read them: they show each at its line
// of a change. Paths below the current directory are written without "./" in front, because
// services compare them with the paths of a repository.
#pragma once

#include <string>

#include "plugin/cli/check/findings.h"

namespace pinscope::cli {

// GitHub's workflow commands, one for each diagnostic: ::error file=a.yaml,line=3,col=5::message. A
// note is a notice there.
std::string to_github(const CheckFindings& found);

// A SARIF 2.1.0 log with one run (OASIS Standard of 27 March 2020).
std::string to_sarif(const CheckFindings& found);

// A test suite with a test case for each file, which fails if the file has an error. Warnings and
// notes stand in what the test case has printed.
std::string to_junit(const CheckFindings& found);

// `path` without the "./" in front of it and the slashes behind that.
std::string repository_path(const std::string& path);

// Appends the byte as "%" and two hexadecimal digits.
void append_percent_encoded(std::string& out, char byte);

// Whether a diagnostic's column, which counts bytes, is that of its character, too.
bool has_exact_column(const policy::Diagnostic& diagnostic);

}  // namespace pinscope::cli
