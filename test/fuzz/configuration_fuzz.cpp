// SPDX-License-Identifier: Apache-2.0
// The configuration document and lists of passwords as a person hands them in: any text is safe, and what is
// wrong has a line.
#include <cstdlib>

#include "http/config_plan.hpp"
#include "http/fields.hpp"
#include "http/password_lines.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mirror::http;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const ConfigDocument document = parse_config(input, "site.toml");
  for (const auto& error : document.errors)
    if (error.text.empty() || error.format().find("site.toml") != 0) std::abort();
  if (document.errors.empty()) {
    for (const auto& store : document.stores)
      if (!is_name(store.name)) std::abort();
    for (const auto& link : document.links)
      if (!is_name(link.name)) std::abort();
  }
  const PasswordLines lines = parse_password_lines(input);
  for (const auto& row : lines.rows)
    if (row.line == 0 || row.mailbox.empty()) std::abort();
  for (const auto& wrong : lines.wrong)
    if (wrong.line == 0 || wrong.text.empty()) std::abort();
  return 0;
}
