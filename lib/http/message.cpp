// SPDX-License-Identifier: Apache-2.0
#include "http/message.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/codes.hpp"

namespace mirror::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Two hexadecimal digits behind a "%".
bool begins_with_escape(std::string_view text) {
  return text.size() > 2 && text[0] == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0;
}

// A URI reference: what a path may not hold as it is (RFC 3986, 3.3) is escaped (RFC 9457, "instance").
std::string reference(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (std::string_view("/:@!$&'()*+,;=").find(path[i]) != std::string_view::npos ||
        begins_with_escape(path.substr(i)))
      out += path[i];
    else
      out += percent_encode(path.substr(i, 1));
  return out;
}

}  // namespace

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (begins_with_escape(text.substr(i))) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string cut_text(std::string text, std::size_t longest) {
  if (text.size() <= longest) return text;
  while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0) == 0x80) --longest;
  text.resize(longest);
  return text;
}

void set_target(Request& request, std::string_view target) {
  const std::size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  request.query.clear();
  std::string_view rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (!pair.empty())
      request.query[percent_decode(pair.substr(0, equals))] =
          equals == std::string_view::npos ? std::string{} : percent_decode(pair.substr(equals + 1));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
}

Response problem_response(const Problem& problem, const Request& request) {
  const base::Code& code = base::code_of(problem.code());
  boost::json::object body;
  body["type"] = fmt::format("docs/errors.md#{}", problem.code());
  body["title"] = std::string(code.what);
  body["status"] = problem.status();
  body["detail"] = problem.what();
  body["instance"] = reference(request.path);
  body["code"] = problem.code();
  body["next_step"] = std::string(code.next_step);
  body["request_id"] = request.request_id;
  if (!problem.errors().empty()) {
    boost::json::array errors;
    for (const auto& error : problem.errors())
      errors.push_back(boost::json::object{{"pointer", error.pointer}, {"detail", error.detail}});
    body["errors"] = std::move(errors);
  }
  Response response;
  response.status = problem.status();
  response.content_type = "application/problem+json";
  if (!problem.allow.empty()) response.headers.emplace_back("Allow", problem.allow);
  if (problem.status() == 503) {
    body["retry_after_seconds"] = 5;
    response.headers.emplace_back("Retry-After", "5");
  }
  response.body = boost::json::serialize(body);
  return response;
}

}  // namespace mirror::http
