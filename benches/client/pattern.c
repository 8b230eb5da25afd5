#include "bench.h"

#include <string.h>

#define PERIOD (16u << 20)
#define FACTOR 0x9e3779b97f4a7c15u
/* Small pieces stay within what a processor's cache holds. */
#define SMALL_WINDOW (1u << 20)

static uint64_t word_at(uint64_t offset)
{
    return offset % PERIOD * FACTOR;
}

void pattern_fill(char *data, size_t size, uint64_t offset)
{
    for (size_t at = 0; at + 8 <= size; at += 8) {
        uint64_t word = word_at(offset + at);
        memcpy(data + at, &word, 8);
    }
}

static void check_word(const char *data, size_t at, uint64_t offset)
{
    uint64_t word;

    memcpy(&word, data + at, 8);
    if (word != word_at(offset + at))
        die("wrong data at offset %llu", (unsigned long long)(offset + at));
}

void pattern_check(const char *data, size_t size, uint64_t offset, bool everything)
{
    if (everything)
        for (size_t at = 0; at + 8 <= size; at += 8)
            check_word(data, at, offset);
    check_word(data, 0, offset);
    check_word(data, size - 8, offset);
}

size_t window(size_t size)
{
    return size < SMALL_WINDOW ? SMALL_WINDOW : PERIOD;
}

uint64_t offset_of(size_t size, long index)
{
    return (uint64_t)index % (window(size) / size) * size;
}
