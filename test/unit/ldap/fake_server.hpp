// SPDX-License-Identifier: Apache-2.0
#pragma once

// An LDAP server that says what a test wants, octet by octet (BER, X.690; messages of RFC 4511).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ldap/connection.hpp"
#include "net/stream.hpp"

namespace mirror::test {

std::string ber(unsigned char tag, std::string_view content);
std::string ber_int(int value, unsigned char tag = 0x02);

// Protocol operations of RFC 4511 by their tags.
enum Op : unsigned char {
  bind_request = 0x60,
  bind_response = 0x61,
  unbind_request = 0x42,
  search_request = 0x63,
  search_entry = 0x64,
  search_done = 0x65,
  search_reference = 0x73,
  modify_request = 0x66,
  modify_response = 0x67,
  add_request = 0x68,
  add_response = 0x69,
  delete_request = 0x4a,
  delete_response = 0x6b,
  abandon_request = 0x50,
  extended_request = 0x77,
  extended_response = 0x78,
};

std::string result(int id, unsigned char op, int code, std::string_view text = "",
                   std::string_view controls = "");
std::string entry(int id, std::string_view dn,
                  const std::vector<std::pair<std::string, std::vector<std::string>>>& attributes = {});
std::string reference(int id, std::string_view uri);
std::string notice_of_disconnection(std::string_view text);
std::string page_control(std::string_view cookie);  // as part of a result's controls

struct Request {
  int id = 0;
  unsigned char op = 0;
  std::string body;  // the whole operation
};

// One end of a pipe, spoken to by hand.
class FakeServer {
 public:
  explicit FakeServer(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  net::Task<Request> request();  // the next one; op 0 at the end
  net::Task<void> say(std::string octets) { co_await stream_->write(octets); }
  void close() { stream_->close(); }

 private:
  std::optional<Request> cut();
  std::unique_ptr<net::Stream> stream_;
  std::string in_;
};

struct Conversation {
  std::unique_ptr<ldap::Connection> connection;
  std::unique_ptr<FakeServer> server;
};
Conversation converse(net::asio::any_io_executor executor,
                      std::chrono::milliseconds silence = std::chrono::hours(1));

struct Entries : ldap::Sink {
  std::vector<ldap::Entry> taken;
  net::Task<void> take(ldap::Entry one) override {
    taken.push_back(std::move(one));
    co_return;
  }
};

}  // namespace mirror::test
