// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which messages are greetings, told by what they are: a header field or the file name of an attachment. (A
// folder of greetings is another matter: all that lies in it is one.) PURE.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mirror::plan {

struct HeaderField {
  std::string name;
  std::string value;  // unfolded and trimmed
};
// The fields of a header block in their order; a line that is no field is left out.
std::vector<HeaderField> parse_header_fields(std::string_view block);

struct GreetingRule {
  struct Header {
    std::string name;
    std::optional<std::string> mask;  // of the value; nullopt: the field is there, whatever it says
  };
  std::vector<Header> headers;
  std::vector<std::string> attachments;  // masks of file names

  bool empty() const { return headers.empty() && attachments.empty(); }
  // To be asked for: each name once, as first written.
  std::vector<std::string> header_names() const;
};

// "X-Name" or "X-Name: mask". nullopt: no such thing. Names are letters, digits, "-", "_" and "." alone, so
// that they can be asked for as they are.
std::optional<GreetingRule::Header> parse_greeting_header(std::string_view text);

// Masks match as folder masks do, without regard to case. The header block may hold other fields as well.
bool is_greeting(const GreetingRule& rule, std::string_view header,
                 const std::vector<std::string>& file_names);

}  // namespace mirror::plan
