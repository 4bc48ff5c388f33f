// SPDX-License-Identifier: Apache-2.0
#include "cli/run_wait.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>

#include "cli/exit_codes.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

volatile std::sig_atomic_t g_interrupted = 0;  // set by the handler alone

void on_interrupt(int) {
  g_interrupted = 1;
}

class InterruptTrap {
 public:
  InterruptTrap() {
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    ::sigaction(SIGINT, &action, &before_);
  }
  ~InterruptTrap() { ::sigaction(SIGINT, &before_, nullptr); }
  InterruptTrap(const InterruptTrap&) = delete;
  InterruptTrap& operator=(const InterruptTrap&) = delete;

 private:
  struct sigaction before_{};
};

std::string progress_text(const json::object& run) {
  std::string text = fmt::format("run {} {} {}: {} of {}", text_of(run, "id"), text_of(run, "kind"),
                                 text_of(run, "state"), number_of(run, "done"), number_of(run, "total"));
  if (number_of(run, "octets_done") > 0) text += ", " + human_octets(number_of(run, "octets_done"));
  if (number_of(run, "eta_seconds") > 0)
    text += ", about " + human_seconds(number_of(run, "eta_seconds")) + " left";
  return text;
}

bool has_ended(const json::object& run) {
  const std::string state = text_of(run, "state");
  return state != "queued" && state != "running";
}

}  // namespace

void pause_or_detach(int milliseconds, const std::string& farewell) {
  const InterruptTrap trap;
  ::poll(nullptr, 0, milliseconds);
  if (g_interrupted == 0) return;
  g_interrupted = 0;
  throw Ended(k_try_again, farewell);
}

json::object wait_for_run(Invocation& invocation, const std::string& id) {
  const bool terminal = ::isatty(STDERR_FILENO) != 0 && !invocation.out.settings().quiet;
  int pause = 100;
  for (;;) {
    json::object run = invocation.get("/api/v1/runs/" + id);
    if (terminal) fmt::print(stderr, "\r\x1b[K{}", progress_text(run));
    if (has_ended(run)) {
      if (terminal) fmt::print(stderr, "\r\x1b[K");
      return run;
    }
    pause_or_detach(
        pause,
        fmt::format("detached; run {} goes on. mirrorctl run show {}; mirrorctl run cancel {}", id, id, id));
    pause = std::min(pause * 2, 250);
  }
}

}  // namespace mirror::cli
