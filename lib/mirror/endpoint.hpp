// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a server is and how its TLS is checked, of any row that has these columns: a store's, a directory's.

#include "net/stream.hpp"

namespace mirror::engine {

template <class Record>
net::Endpoint endpoint_of(const Record& record) {
  net::Endpoint endpoint;
  endpoint.host = record.host;
  endpoint.port = static_cast<std::uint16_t>(record.port);
  endpoint.tls = record.tls == "none"       ? net::TlsMode::none
                 : record.tls == "starttls" ? net::TlsMode::starttls
                                            : net::TlsMode::implicit;
  endpoint.tls_settings.verify = record.tls_verify;
  endpoint.tls_settings.server_name = record.tls_server_name;
  endpoint.tls_settings.ca_pem = record.ca_pem;
  endpoint.tls_settings.pin_sha256 = record.pin_sha256;
  endpoint.tls_settings.certificate_file = record.certificate_file;
  endpoint.tls_settings.key_file = record.key_file;
  return endpoint;
}

}  // namespace mirror::engine
