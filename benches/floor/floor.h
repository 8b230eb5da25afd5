/* The same traffic as the client's READs and WRITEs, by hand: what no library can do without. */
#ifndef FLOOR_H
#define FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PIECE (1u << 20)        /* the largest READ or WRITE */
#define READ_HEADER 132         /* of a READ's reply: record mark, reply, attributes, lengths */
#define MAX_DEPTH 128

struct handle {
    uint32_t length;
    uint8_t bytes[64];
};

struct floor {
    int fd;
    bool writes;
    size_t size;                /* of an operation; more than PIECE goes as several calls side by side */
    int depth;                  /* 0: one operation at a time */
    struct handle file;
    uint8_t call[256];          /* a READ or WRITE, but for xid and offset */
    size_t call_size;
    char *buffer;               /* what is written; what is read goes there, too */
    uint8_t *replies;
    bool check_everything;
};

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* rpc.c */
int connected(const char *server, uint16_t port);
uint8_t *put_u32(uint8_t *at, uint32_t value);
uint8_t *put_u64(uint8_t *at, uint64_t value);
uint8_t *put_opaque(uint8_t *at, const void *bytes, uint32_t length);
uint32_t get_u32(const uint8_t *at);
/* A call's record mark and header; finish() sets the mark. */
uint8_t *begin_call(uint8_t *at, uint32_t xid, uint32_t program, uint32_t procedure);
void finish_call(uint8_t *call, size_t length);
void receive_all(int fd, void *data, size_t size);
/* Sends a call and gives back what follows the accept state, until the next one. */
const uint8_t *call(int fd, uint8_t *request, uint8_t *end);

/* setup.c */
void open_file(struct floor *floor, const char *url);
void remove_file(struct floor *floor);
void prepare_call(struct floor *floor);

/* transfer.c */
void run(struct floor *floor, long count);

#endif
