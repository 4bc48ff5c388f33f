// SPDX-License-Identifier: Apache-2.0
// libldap's own transport: a layer that reads from one string and writes to another.

#include <openldap.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/failure.hpp"
#include "ldap/codec_detail.hpp"

namespace mirror::ldap {

namespace {

using base::Failed;
using base::Failure;

// What the layer moves octets between; it owns none of them.
struct Wire {
  std::string* in;
  std::size_t* taken;
  std::size_t* border;
  std::string* out;
};

int set_up(Sockbuf_IO_Desc* layer, void* wire) {
  layer->sbiod_pvt = wire;
  return 0;
}

int take_down(Sockbuf_IO_Desc* layer) {
  delete static_cast<Wire*>(layer->sbiod_pvt);
  layer->sbiod_pvt = nullptr;
  return 0;
}

int control(Sockbuf_IO_Desc* layer, int option, void*) {
  const auto* wire = static_cast<const Wire*>(layer->sbiod_pvt);
  if (option == LBER_SB_OPT_DATA_READY) return *wire->taken < *wire->border ? 1 : 0;
  return option == LBER_SB_OPT_SET_NONBLOCK ? 1 : 0;
}

ber_slen_t read_octets(Sockbuf_IO_Desc* layer, void* into, ber_len_t length) {
  auto* wire = static_cast<Wire*>(layer->sbiod_pvt);
  const auto count = std::min<std::size_t>(length, *wire->border - *wire->taken);
  if (count == 0) {
    errno = EWOULDBLOCK;
    return -1;
  }
  std::memcpy(into, wire->in->data() + *wire->taken, count);
  *wire->taken += count;
  return static_cast<ber_slen_t>(count);
}

ber_slen_t write_octets(Sockbuf_IO_Desc* layer, void* from, ber_len_t length) {
  static_cast<Wire*>(layer->sbiod_pvt)->out->append(static_cast<const char*>(from), length);
  return static_cast<ber_slen_t>(length);
}

int close_wire(Sockbuf_IO_Desc*) {
  return 0;
}

Sockbuf_IO k_layer = {set_up, take_down, control, read_octets, write_octets, close_wire};

// Settings of the machine and of whoever started us are not ours (ldap.conf, ~/.ldaprc, ./ldaprc).
void ignore_settings_of_others() {
  static const bool once = [] {
    ::setenv("LDAPNOINIT", "1", 1);  // NOLINT(concurrency-mt-unsafe): before libldap's first call
    return true;
  }();
  (void)once;
}

}  // namespace

Codec::State::State(std::size_t most_octets) : largest(most_octets) {
  ignore_settings_of_others();
  idle_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (idle_fd < 0) throw Failed(Failure("MRD-BASE-007", "eventfd"));
  Sockbuf* sockbuf = nullptr;
  const int version = LDAP_VERSION3;
  ber_len_t most = largest;
  const bool made = ldap_init_fd(idle_fd, LDAP_PROTO_EXT, nullptr, &handle) == LDAP_SUCCESS &&
                    ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_SUCCESS &&
                    ldap_set_option(handle, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_SUCCESS &&
                    ldap_set_option(handle, LDAP_OPT_RESTART, LDAP_OPT_OFF) == LDAP_SUCCESS &&
                    ldap_get_option(handle, LDAP_OPT_SOCKBUF, static_cast<void*>(&sockbuf)) == LDAP_SUCCESS;
  if (!made || ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING, &most) < 0 ||
      ber_sockbuf_add_io(sockbuf, &k_layer, LBER_SBIOD_LEVEL_PROVIDER,
                         new Wire{&in, &taken, &border, &out}) != 0) {
    end();
    ::close(idle_fd);
    throw Failed(Failure("MRD-BASE-007", "libldap cannot be set up"));
  }
}

Codec::State::~State() {
  end();
  ::close(idle_fd);
}

void Codec::State::end() noexcept {
  broken = true;
  if (handle != nullptr) ldap_unbind_ext(std::exchange(handle, nullptr), nullptr, nullptr);
}

LDAP* Codec::State::usable() const {
  if (broken) throw Failed(Failure("MRD-LDAP-002", "the conversation is over"));
  return handle;
}

MessageId Codec::State::sent(int result, int id, const std::string& what) {
  if (result == LDAP_SUCCESS) return id;
  throw Failed(Failure("MRD-LDAP-003", what + ": " + ldap_err2string(result)));
}

// RFC 4511 5.1: a SEQUENCE with a definite length.
std::size_t Codec::State::whole_message() {
  const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(in[taken + at]); };
  const std::size_t there = in.size() - taken;
  if (there > 0 && octet(0) != 0x30) fail();
  if (there < 2) return 0;
  std::size_t header = 2, length = octet(1);
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7fU;
    if (octets == 0 || octets > 4) fail();
    header += octets;
    if (there < header) return 0;
    length = 0;
    for (std::size_t at = 2; at < header; ++at) length = length << 8U | octet(at);
  }
  if (length > largest) fail();
  return there < header + length ? 0 : header + length;
}

void Codec::State::fail() {
  broken = true;
  throw Failed(Failure("MRD-LDAP-002", "what the server sends is no LDAP, or a message is too long"));
}

}  // namespace mirror::ldap
