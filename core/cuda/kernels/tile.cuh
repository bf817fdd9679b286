// How attention cuts packed sequences.
#pragma once
#include <stdint.h>

// Queries that one block or warp serves together.
constexpr int QUERIES = 16;

// Sixteen queries of one sequence: their first row, and the rows of the sequence.
struct Tile {
    uint32_t first, begin, end;
};
