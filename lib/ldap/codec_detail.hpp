// SPDX-License-Identifier: Apache-2.0
#pragma once

// The handle behind a codec, and C++ values as the arrays that libldap wants. Private to the room.

#include <lber.h>
#include <ldap.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ldap/codec.hpp"

namespace mirror::ldap {

struct MessageFree {
  void operator()(LDAPMessage* message) const noexcept { ldap_msgfree(message); }
};

// With the buffer it owns.
struct BerDispose {
  void operator()(BerElement* ber) const noexcept { ber_free(ber, 1); }
};

struct MemoryFree {
  void operator()(void* memory) const noexcept { ber_memfree(memory); }
};

// libldap over two strings: what it reads comes from in, what it writes goes to out.
struct Codec::State {
  explicit State(std::size_t largest);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  LDAP* usable() const;  // throws when broken: libldap would open a connection of its own
  MessageId sent(int result, int id, const std::string& what);
  [[noreturn]] void fail();
  // Octets of the whole message that begins at taken; 0 when there is none yet. Throws when it can be none.
  std::size_t whole_message();
  void end() noexcept;

  LDAP* handle = nullptr;
  std::string in, out;
  std::size_t taken = 0;   // of in
  std::size_t border = 0;  // of what libldap may take now: one whole message
  std::size_t largest;
  bool broken = false;
  int idle_fd = -1;  // libldap insists on a descriptor; this one never says anything
};

// Nothing for what nobody acts upon (intermediate responses).
std::optional<Message> read_message(LDAP* handle, LDAPMessage* raw, int kind);
// What a server says without being asked (RFC 4511 4.4). Not by libldap: 2.5 loses its text.
bool is_notice(std::string_view message);
Message read_notice(std::string_view message);
std::vector<Control> read_controls(LDAPControl** controls);

// For libldap a text ends at its first NUL: one within it would name something else.
const char* c_text(const std::string& text);

class CNames {
 public:
  explicit CNames(const std::vector<std::string>& names) {
    for (const auto& name : names) list_.push_back(const_cast<char*>(c_text(name)));
    list_.push_back(nullptr);
  }
  char** get() noexcept { return list_.data(); }

 private:
  std::vector<char*> list_;
};

class CControls {
 public:
  explicit CControls(const std::vector<Control>& controls);
  LDAPControl** get() noexcept { return list_.size() > 1 ? list_.data() : nullptr; }

 private:
  std::deque<LDAPControl> kept_;
  std::vector<LDAPControl*> list_;
};

class CChanges {
 public:
  // The texts have to live as long as this.
  void put(int kind, const std::string& attribute, const std::vector<std::string>& values);
  LDAPMod** get();

 private:
  struct One {
    LDAPMod mod{};
    std::deque<berval> values;
    std::vector<berval*> list;
  };
  std::deque<One> kept_;
  std::vector<LDAPMod*> list_;
};

}  // namespace mirror::ldap
