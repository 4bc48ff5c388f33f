// SPDX-License-Identifier: Apache-2.0
#include "unit/ldap/fake_server.hpp"

#include <array>

namespace mirror::test {

std::string ber(unsigned char tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  const auto length = content.size();
  if (length < 128) {
    out += static_cast<char>(length);
  } else {
    out += static_cast<char>(0x84);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((length >> shift) & 0xffU);
  }
  return out.append(content);
}

std::string ber_int(int value, unsigned char tag) {
  std::string octets;
  for (int shift = 24; shift >= 0; shift -= 8) octets += static_cast<char>((value >> shift) & 0xff);
  return ber(tag, octets);
}

namespace {

std::string message(int id, std::string_view operation, std::string_view controls = "") {
  std::string body = ber_int(id);
  body.append(operation);
  if (!controls.empty()) body += ber(0xa0, controls);
  return ber(0x30, body);
}

// Tag, content and what follows it; nothing when it is not whole.
struct Element {
  unsigned char tag;
  std::string_view content;
  std::size_t size;
};

std::optional<Element> element(std::string_view in) {
  if (in.size() < 2) return std::nullopt;
  std::size_t length = static_cast<unsigned char>(in[1]), header = 2;
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7fU;
    if (in.size() < 2 + octets) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = length << 8U | static_cast<unsigned char>(in[2 + i]);
    header += octets;
  }
  if (in.size() < header + length) return std::nullopt;
  return Element{static_cast<unsigned char>(in[0]), in.substr(header, length), header + length};
}

}  // namespace

std::string result(int id, unsigned char op, int code, std::string_view text, std::string_view controls) {
  return message(id, ber(op, ber_int(code, 0x0a) + ber(0x04, "") + ber(0x04, text)), controls);
}

std::string entry(int id, std::string_view dn,
                  const std::vector<std::pair<std::string, std::vector<std::string>>>& attributes) {
  std::string list;
  for (const auto& [name, values] : attributes) {
    std::string set;
    for (const auto& value : values) set += ber(0x04, value);
    list += ber(0x30, ber(0x04, name) + ber(0x31, set));
  }
  return message(id, ber(search_entry, ber(0x04, dn) + ber(0x30, list)));
}

std::string reference(int id, std::string_view uri) {
  return message(id, ber(search_reference, ber(0x04, uri)));
}

std::string notice_of_disconnection(std::string_view text) {
  return message(0, ber(extended_response, ber_int(52, 0x0a) + ber(0x04, "") + ber(0x04, text) +
                                               ber(0x8a, "1.3.6.1.4.1.1466.20036")));
}

std::string page_control(std::string_view cookie) {
  return ber(0x30,
             ber(0x04, "1.2.840.113556.1.4.319") + ber(0x04, ber(0x30, ber_int(0) + ber(0x04, cookie))));
}

std::optional<Request> FakeServer::cut() {
  const auto whole = element(in_);
  if (!whole) return std::nullopt;
  const auto id = element(whole->content);
  const auto operation = element(whole->content.substr(id->size));
  Request out;
  for (const char octet : id->content) out.id = out.id << 8 | static_cast<unsigned char>(octet);
  out.op = operation->tag;
  out.body = std::string(whole->content.substr(id->size));
  in_.erase(0, whole->size);
  return out;
}

net::Task<Request> FakeServer::request() {
  std::array<char, 4096> buffer{};
  while (true) {
    if (auto whole = cut()) co_return std::move(*whole);
    const auto count = co_await stream_->read_some(buffer);
    if (count == 0) co_return Request{};
    in_.append(buffer.data(), count);
  }
}

Conversation converse(net::asio::any_io_executor executor, std::chrono::milliseconds silence) {
  auto [ours, theirs] = net::make_pipe(std::move(executor));
  ldap::Access access;
  access.store = "dir";
  access.dn = "cn=reader";
  access.password = base::SecretText("a secret");
  access.silence_limit = silence;
  access.largest_message = std::size_t{1} << 20U;
  return {std::make_unique<ldap::Connection>(std::move(access), std::move(ours)),
          std::make_unique<FakeServer>(std::move(theirs))};
}

}  // namespace mirror::test
