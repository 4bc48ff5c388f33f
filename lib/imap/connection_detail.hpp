// SPDX-License-Identifier: Apache-2.0
#pragma once

// The effects under a session: one stream, the parser's events, commands out. For the room alone.
// Everything written is collected and leaves before any wait, so that a pipelined call is one flight.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "imap/access.hpp"
#include "imap/command.hpp"
#include "imap/conversation.hpp"
#include "imap/response_parser.hpp"
#include "net/task.hpp"

namespace mirror::imap {

using net::Task;

class Connection {
 public:
  Connection(Access access, std::unique_ptr<net::Stream> stream);

  // Sees untagged responses: first the session (always), then whoever runs a command.
  std::function<void(const Response&)> on_any;
  std::function<void(const Response&)> on_data;

  bool usable() const noexcept { return usable_; }
  void close() noexcept;  // drops what is buffered; nothing leaves afterwards

  // Starts a command and writes it as far as the server permits. Waits only at a synchronising literal; when
  // the server answers NO there, the rest is not sent and the reply is there to be taken.
  Task<std::string> send(Command command);
  std::string start(std::string_view name);  // only a tag, for commands written by hand
  // Waits for the reply of one command.
  Task<Reply> reply(std::string tag);
  Task<Reply> run(Command command);
  // Waits until the server says "+" (true) or answers the command (false).
  Task<bool> go_ahead(std::string tag);

  Task<void> put(std::string_view octets);  // buffered, flushed every 64 KiB
  Task<void> flush();

  // The next event from the server, replies and data already accounted for. Flushes first.
  Task<ResponseEvent> next_event();
  // An event that can be had without waiting.
  std::optional<ResponseEvent> ready_event();
  // Waits up to limit for octets; false when none came.
  Task<bool> wait_for_octets(std::chrono::milliseconds limit);
  bool answered(std::string_view tag) const { return conversation_.answered(tag); }
  void expect_bye(bool expected) noexcept { bye_expected_ = expected; }
  const std::optional<Reply>& bye() const noexcept { return conversation_.bye(); }
  const std::string& challenge() const noexcept { return challenge_; }  // what stood behind the last "+"

  Task<void> start_tls();  // after the OK of STARTTLS
  LiteralStyle literals = LiteralStyle::synchronising;

  const Access& access() const noexcept { return access_; }
  net::Stream& stream() noexcept { return *stream_; }
  std::uint64_t round_trips() const noexcept { return round_trips_; }

 private:
  void account(const ResponseEvent& event);
  [[noreturn]] void throw_named(const base::Failure& failure) const;
  void require_usable() const;
  Task<void> read();

  Access access_;
  std::unique_ptr<net::Stream> stream_;
  ResponseParser parser_;
  Conversation conversation_;
  std::string out_;
  std::string in_;
  std::string challenge_;
  std::uint64_t round_trips_ = 0;
  bool turned_ = true;  // something was sent (or a greeting is due) since the last wait
  bool usable_ = true;
  bool bye_expected_ = false;
};

// Sets the data handler for the length of one call.
class Listening {
 public:
  Listening(Connection& connection, std::function<void(const Response&)> handler) : connection_(connection) {
    connection_.on_data = std::move(handler);
  }
  ~Listening() { connection_.on_data = nullptr; }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Connection& connection_;
};

// Closes the connection unless done() was reached: a call left by an exception or a cancellation leaves the
// conversation in nobody's hands.
class Closing {
 public:
  explicit Closing(Connection& connection) : connection_(connection) {}
  ~Closing() {
    if (!done_) connection_.close();
  }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
  void done() noexcept { done_ = true; }

 private:
  Connection& connection_;
  bool done_ = false;
};

[[noreturn]] void throw_failed(std::string_view code, std::string detail);

}  // namespace mirror::imap
