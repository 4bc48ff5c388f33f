// SPDX-License-Identifier: Apache-2.0
// What decodes encodes to the same octets, what encodes decodes to the same text.
#include <cstdlib>

#include "imap/utf7.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mirror::imap;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto decoded = decode_utf7(input);
  if (decoded && (!is_utf8(*decoded) || encode_utf7(*decoded) != input)) std::abort();
  const auto encoded = encode_utf7(input);
  if (encoded.has_value() != is_utf8(input)) std::abort();
  const bool has_nul = input.find('\0') != std::string_view::npos;
  if (encoded && !has_nul && decode_utf7(*encoded) != input) std::abort();
  if (!is_utf8(printable(input, 50)) || printable(input, 50).size() > 50) std::abort();
  return 0;
}
