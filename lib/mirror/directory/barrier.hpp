// SPDX-License-Identifier: Apache-2.0
#pragma once

// Operations on one name, or on a name and one below it, go one after the other: a server does not keep the
// order of what is under way at once on one connection. Names are keys of ldap::Dn::key: a name below another
// ends with a comma and that one.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <set>
#include <string>

#include "net/task.hpp"

namespace mirror::directory {

class Barrier {
 public:
  class Turn {
   public:
    Turn(Barrier& owner, std::list<std::string>::iterator place) : owner_(&owner), place_(place) {}
    Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), place_(other.place_) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (owner_ != nullptr) owner_->leave(place_);
    }

   private:
    Barrier* owner_;
    std::list<std::string>::iterator place_;
  };

  // Waits until nothing under way stands in the way. The barrier outlives the turn.
  net::Task<Turn> enter(std::string key);
  static bool in_the_way(std::string_view a, std::string_view b) noexcept;

 private:
  void leave(std::list<std::string>::iterator place);

  std::list<std::string> inside_;
  std::set<net::asio::steady_timer*> waiting_;
};

}  // namespace mirror::directory
