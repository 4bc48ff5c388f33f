// SPDX-License-Identifier: Apache-2.0
#pragma once

// libldap as a codec: requests become octets, octets become messages. It never sees a socket: whoever owns
// the connection moves the octets, waits and gives up. One codec for one connection, for its whole life.
// Requests that cannot be encoded (a filter that is none) throw Failed MRD-LDAP-003; octets that are no LDAP,
// or a message beyond the limit, MRD-LDAP-002, and afterwards the codec is broken().

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "ldap/types.hpp"

namespace mirror::ldap {

using MessageId = int;  // 0: the server speaks without being asked (RFC 4511 4.4)

struct Message {
  enum class Kind { entry, reference, search_result, result, notice };
  MessageId id = 0;
  Kind kind = Kind::result;
  Entry entry;      // of Kind::entry
  Outcome outcome;  // of the others; a reference has its URIs in outcome.referrals
};

class Codec {
 public:
  // largest: octets of one message from the server.
  explicit Codec(std::size_t largest = 32U << 20U);
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  // Each puts a request behind what take_output() will give, and tells its id.
  MessageId bind(const std::string& dn, const base::SecretText& password);  // simple
  MessageId bind_external();                                                // SASL EXTERNAL (RFC 4422)
  MessageId start_tls();                                                    // RFC 4511 4.14
  MessageId search(const SearchRequest& request);
  MessageId add(const std::string& dn, const std::vector<Attribute>& attributes,
                const std::vector<Control>& controls = {});
  MessageId modify(const std::string& dn, const std::vector<Modification>& changes,
                   const std::vector<Control>& controls = {});
  MessageId rename(const Rename& rename, const std::vector<Control>& controls = {});
  MessageId remove(const std::string& dn, const std::vector<Control>& controls = {});
  Control assertion(const std::string& filter);  // RFC 4528: only if the entry matches
  // What still comes for it is thrown away.
  void abandon(MessageId id);
  // The last octets of the conversation: unsent requests and the Unbind. The codec is over.
  std::string farewell();

  std::string take_output();
  void feed(std::string_view octets);
  // The next whole message; nothing when more octets are needed. A message that cannot be decoded throws,
  // too.
  std::optional<Message> next();
  bool idle() const noexcept;  // nothing is left of what was fed
  bool broken() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Controls (RFC 2696, 4527) as values; their BER is liblber's.
Control paged_results(int size, const std::string& cookie);
// The cookie of a page's outcome; nothing when the server gave none of the control, empty after the last
// page.
std::optional<std::string> page_cookie(const Outcome& outcome);
Control pre_read(const std::vector<std::string>& attributes);
// The entry as it was before the change; nothing when the server did not say.
std::optional<Entry> pre_read_entry(const Outcome& outcome);
// The same of the entry as it is afterwards.
Control post_read(const std::vector<std::string>& attributes);
std::optional<Entry> post_read_entry(const Outcome& outcome);

}  // namespace mirror::ldap
