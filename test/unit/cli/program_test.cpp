// SPDX-License-Identifier: Apache-2.0
// The program itself against a served API: exit codes, what goes to stdout and what to stderr.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>

#include "unit/cli/shell.hpp"
#include "unit/http/served.hpp"

using namespace mirror;
namespace json = boost::json;

using test::Ran;
using test::Shell;
using test::slurp;

TEST_CASE("without a daemon: usage is 2, help 0, a socket nobody answers on 69, a wrong document 78") {
  Shell shell("/tmp/nobody-answers-here.sock");
  CHECK(shell.run("status").code == 69);
  CHECK(shell.run("--help").code == 0);
  CHECK(shell.run("store add --help").code == 0);
  CHECK(shell.run("--version").code == 0);
  CHECK(shell.run("version --json").out.find("\"schema\":\"mirrorctl.version/1\"") != std::string::npos);
  const auto unknown = shell.run("stauts");
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("did you mean \"status\"?") != std::string::npos);
  CHECK(shell.run("store").code == 2);
  CHECK(shell.run("store lsit").code == 2);
  CHECK(shell.run("suspend").code == 2);
  CHECK(shell.run("status --nonsense").code == 2);
  CHECK(shell.run("status --watch 0").code == 2);
  CHECK(shell.run("resync").code == 2);
  const auto checked = shell.run("config check " + shell.file("bad.toml", "[store.a]\nhost=\"h\"\nprot=1\n"));
  CHECK(checked.code == 78);
  CHECK(checked.err.find("bad.toml:3:1: unknown key \"prot\"; did you mean \"port\"?") != std::string::npos);
  CHECK(shell.run("config check " + shell.file("good.toml", "[store.a]\nhost=\"h\"\nport=1\n")).code == 0);
  CHECK(shell.run("config check /nowhere/at-all").code == 1);
}

TEST_CASE("from an empty site to one that mirrors, by the verbs a person types") {
  test::Served served;
  Shell shell(served.socket);
  const auto secret = shell.file("secret", "hush-hush\n");
  const auto added = shell.run("store add prod --host p.example --port 993 --login mirror --ca-file " +
                               shell.file("ca.pem", "PEM") + " --secret-file " + secret);
  INFO(added.err);
  CHECK(added.code == 0);
  CHECK(added.err.find("next: mirrorctl store test prod") != std::string::npos);
  CHECK(shell.run("store add dr --host d.example --port 993 --tls-verify false").code == 0);
  CHECK(shell.run("store add dr --host d.example --port 993").code == 1);
  CHECK(shell.run("store add x --host d.example --port nine").code == 2);
  CHECK(shell.run("store credential set dr", secret).code == 0);
  CHECK(shell.run("store edit dr --port 143").code == 0);
  CHECK(json::parse(shell.run("store show dr --json").out).at("port") == 143);
  CHECK(shell.run("store show none").code == 4);
  CHECK(shell.run("link add main --source prod --target dr").code == 0);
  CHECK(shell.run("link show main").code == 0);
  CHECK(shell.run("mailbox import " + shell.file("m", "# numbers\n1001\n1002,u1002\n\n2001\n")).out ==
        "3 added, 0 were there\n");
  CHECK(shell.run("mailbox exclude '2*'").out == "1 match, 1 changed; 2 of 3 take part\n");
  CHECK(shell.run("mailbox list '1*' --no-headers --format tab").out.find("1001\tmain\tnew") == 0);
  CHECK(shell.run("mailbox show 1002 --json").out.find("\"target_name\":\"u1002\"") != std::string::npos);
  CHECK(shell.run("mailbox credential set 1001 --store prod", secret).code == 0);
  CHECK(shell.run("mailbox credential set 1001", secret).code == 2);
  const auto lines =
      shell.run("mailbox credential import prod " + shell.file("p", "1001,hush\n\nnone\thush\n"));
  CHECK(lines.code == 2);
  CHECK(lines.err.find("line 3: no mailbox of \"prod\"") != std::string::npos);
  CHECK(lines.err.find("hush") == std::string::npos);
  CHECK(shell.run("mailbox credential clear 1001 --store prod").code == 0);
  CHECK(shell.run("status").out.find("state     mirroring") == 0);
  CHECK(json::parse(shell.run("status --json").out).at("schema") == "mirrorctl.status/1");
  const auto exported = shell.run("config export").out;
  CHECK(exported.find("hush") == std::string::npos);
  CHECK(shell.run("config apply " + shell.file("again.toml", exported)).out.find("nothing to change") !=
        std::string::npos);
  CHECK(shell
            .run("config apply --dry-run " +
                 shell.file("more.toml", exported + "[store.third]\nhost=\"t\"\nport=993\n"))
            .code == 5);
  CHECK(served.sql("select count(*) from store") == "2");
  for (const char* words : {"store list", "link list", "service list", "quarantine list", "events",
                            "run list", "estimate", "report", "mailbox history 1001"})
    CHECK(shell.run(words).code == 0);
  CHECK(shell.run("service restart watch").code == 4);
}

TEST_CASE("suspend and resume: wrong states are 3, waiting has an end") {
  test::Served served;
  Shell shell(served.socket);
  CHECK(shell.run("suspend --reason work").code == 0);
  CHECK(shell.run("resume").code == 3);
  CHECK(shell.run("suspend --reason work --wait --timeout 1").code == 75);
  served.sql("update site set state = 'suspended'");
  CHECK(shell.run("suspend --reason work --wait --timeout 1").code == 0);
  CHECK(shell.run("resync --all").code == 3);
  const auto resumed = shell.run("resume");
  CHECK(resumed.code == 0);
  CHECK(resumed.out.find("compared in full by run") != std::string::npos);
}

TEST_CASE("waiting for a run tells equal, different, failed and uncompared apart") {
  test::Served served;
  Shell shell(served.socket);
  served.call("POST", "/api/v1/stores", R"({"name":"prod","host":"p","port":993})");
  served.call("POST", "/api/v1/stores", R"({"name":"dr","host":"d","port":993})");
  served.call("POST", "/api/v1/links", R"({"name":"main","source":"prod","target":"dr"})");
  CHECK(shell.run("verify 9*").code == 4);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001","1002"]})");
  // The engine's part, played by a trigger: the run ends as the test says.
  served.sql("create table outcome (run_state text, mailbox_state text)");
  served.sql("insert into outcome values ('done', 'equal')");
  served.sql(
      "create function play() returns trigger language plpgsql as $$ begin "
      "update run_mailbox set state = o.mailbox_state, detail = "
      "'{\"differences\":[{\"folder\":\"INBOX\",\"kind\":\"flags\",\"source_uid\":7,\"text\":\"a b\"}]}' "
      "from outcome o where run_id = new.id; update run set state = o.run_state, "
      "result = "
      "'{\"steps\":[{\"name\":\"dns\",\"outcome\":\"failed\",\"ms\":3,\"detail\":\"d\",\"hint\":\"h\"}],"
      "\"capabilities\":[{\"name\":\"IDLE\",\"offered\":true,\"used\":false,\"why\":\"notify\"}]}' from "
      "outcome o where id = new.id; return null; end $$");
  served.sql(
      "create constraint trigger play after insert on run deferrable initially deferred for each row execute "
      "function play()");
  CHECK(shell.run("verify --wait").code == 0);
  CHECK(shell.run("resync --all --wait").code == 0);
  const auto test = shell.run("store test prod");
  CHECK(test.code == 1);
  CHECK(test.out.find("dns") != std::string::npos);
  CHECK(shell.run("store caps prod").out.find("IDLE") != std::string::npos);
  served.sql("update outcome set mailbox_state = 'differs'");
  const auto differs = shell.run("verify --wait --deep");
  CHECK(differs.code == 5);
  CHECK(differs.out.find("flags  INBOX uid 7  a b") != std::string::npos);
  CHECK(shell.run("mailbox diff 1001").code == 5);
  CHECK(shell.run("resync --all --wait").code == 5);
  served.sql("update outcome set mailbox_state = 'failed'");
  CHECK(shell.run("verify --wait").code == 6);
  CHECK(shell.run("resync --all --wait").code == 5);
  // Done without a comparison: enough for a dry run, not for "every mailbox equal".
  served.sql("update outcome set mailbox_state = 'done'");
  CHECK(shell.run("resync --all --wait").code == 5);
  CHECK(shell.run("resync --all --wait --dry-run").out.find("  steps: ") != std::string::npos);
  CHECK(shell.run("resync --all --wait --dry-run").code == 0);
  served.sql("update outcome set mailbox_state = 'waiting'");
  CHECK(shell.run("verify --wait").code == 5);
  served.sql("update outcome set run_state = 'failed'");
  CHECK(shell.run("verify --wait").code == 1);
}

TEST_CASE("nothing to compare is not equal") {
  test::Served served;
  Shell shell(served.socket);
  served.sql(
      "create function play() returns trigger language plpgsql as $$ begin update run set state = 'done' "
      "where id = new.id; return null; end $$");
  served.sql(
      "create constraint trigger play after insert on run deferrable initially deferred for each row execute "
      "function play()");
  CHECK(shell.run("resync --all --wait").code == 5);
}

TEST_CASE("status --watch repeats until it is left, events --follow prints one line each") {
  test::Served served;
  Shell shell(served.socket);
  const std::string program = std::string(MIRRORCTL) + " --socket " + served.socket;
  const auto run_for = [&](int seconds, const std::string& words, const std::string& file) {
    return WEXITSTATUS(std::system(fmt::format("timeout -s INT {} {} {} >{}/{} 2>/dev/null", seconds, program,
                                               words, shell.directory, file)
                                       .c_str()));
  };
  CHECK(run_for(3, "status --watch=1 --json", "w") == 124);  // timeout's own: it had to interrupt
  const std::string text = slurp(shell.directory + "/w");
  CHECK(std::count(text.begin(), text.end(), '\n') >= 2);
  served.call("PUT", "/api/v1/state", R"({"state":"suspended","reason":"x"})");
  run_for(2, "events --follow --after 0 --json", "e");
  CHECK(json::parse(slurp(shell.directory + "/e")).at("type") == "state.changed");
  CHECK(run_for(20, "events --follow --after x", "e") == 2);  // not asked again and again
}
