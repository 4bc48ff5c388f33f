// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"

int main(int argc, char** argv) {
  return mirror::cli::run_app(argc, argv, MIRROR_VERSION, MIRROR_COMMIT);
}
