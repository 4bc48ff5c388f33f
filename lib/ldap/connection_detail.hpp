// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who reads, who writes and who waits on one connection. Private to the room.

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <optional>

#include "base/failure.hpp"
#include "ldap/connection.hpp"

namespace mirror::ldap {

// One that waits for its answer. Lives in its coroutine's frame.
struct Operation {
  explicit Operation(const net::asio::any_io_executor& executor) : changed(executor) {}
  std::deque<Message> arrived;
  std::size_t octets = 0;           // of arrived
  net::asio::steady_timer changed;  // cancelled when there is something to look at
  bool waiting = false;
};

struct Connection::State {
  // In the list of those who wait, for as long as its coroutine lives. What was not finished is abandoned;
  // and however it ended, another one may have to read in its place.
  class Listed {
   public:
    Listed(State& state, MessageId id, Operation& operation) : state_(state), id_(id) {
      state_.operations[id] = &operation;
    }
    ~Listed() {
      state_.operations.erase(id_);
      if (!finished_) state_.codec.abandon(id_);
      state_.wake_one();
    }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    void finished() noexcept { finished_ = true; }

   private:
    State& state_;
    MessageId id_;
    bool finished_ = false;
  };

  State(Access access, std::unique_ptr<net::Stream> stream);

  // Waits until something may have come for this operation: by reading, or until another one has read.
  Task<void> wait_for(Operation& operation);
  // Everything encoded so far leaves; at once when somebody is writing already.
  Task<void> flush();
  Task<Outcome> finish(MessageId id, Sink* sink);

  Task<void> read_once();
  void take(std::string_view octets);
  void dispatch(Message message);
  void lose(base::Failure failure) noexcept;  // the first reason stays
  void require_usable() const;
  void wake_one();  // of those who wait, to read in our place
  void wake_all();
  bool crowded() const;

  Access access;
  std::unique_ptr<net::Stream> stream;
  Codec codec;
  std::map<MessageId, Operation*> operations;
  std::optional<base::Failure> lost;
  std::vector<char> buffer;
  bool reading = false, writing = false;
};

}  // namespace mirror::ldap
