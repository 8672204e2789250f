// A program that was compiled with a header of another binary interface is told so, and gets no server.
#include <salon.h>
#undef SALON_ABI_VERSION
#define SALON_ABI_VERSION 999

#include "house.hpp"

int main() {
    std::string why;
    try {
        salon::Server server;
    } catch (const salon::Error &error) {
        CHECK(error.code() == SALON_ERR_STATE);
        why = error.what();
    }
    HAS(why, "the header's 999");
    HAS(why, "interface is " + std::to_string(salon_abi_version()) + ",");
    std::puts("salon.hpp does not work with a library of another interface");
}
