/* The traffic: as few system calls as there can be, no copy, nothing allocated. */
#include "floor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../client/bench.h"

#define REPLIES (4u << 20)      /* the buffer for replies; as much as 1 MiB is asked for at once */

static uint8_t calls[MAX_DEPTH][256];
static struct iovec parts[2 * MAX_DEPTH];
static int part_count;
static size_t part_bytes;

static size_t piece_size(const struct floor *floor)
{
    return floor->size < PIECE ? floor->size : PIECE;
}

static void add_part(void *data, size_t size)
{
    parts[part_count++] = (struct iovec){.iov_base = data, .iov_len = size};
    part_bytes += size;
}

/* Queues a call; its xid is the number of its slot. */
static void queue(struct floor *floor, uint32_t slot, uint64_t offset)
{
    size_t at = floor->call_size - (floor->writes ? 20 : 12);

    memcpy(calls[slot], floor->call, floor->call_size);
    put_u32(calls[slot] + 4, slot);
    put_u64(calls[slot] + at, offset);
    add_part(calls[slot], floor->call_size);
    if (floor->writes)
        add_part(floor->buffer + offset, piece_size(floor));
}

static void send_queued(struct floor *floor)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)part_count};

    if (part_count && sendmsg(floor->fd, &message, 0) != (ssize_t)part_bytes)
        die("sendmsg");
    part_count = 0;
    part_bytes = 0;
}

static void check_header(const uint8_t *reply, size_t expected)
{
    if (get_u32(reply + 24) != 0 || get_u32(reply + 28) != 0 || get_u32(reply + 32) != 1)
        die("read: refused, an error, or no attributes");
    if (get_u32(reply + 120) != expected || get_u32(reply) != (1u << 31 | (READ_HEADER - 4 + expected)))
        die("read: %u bytes", get_u32(reply + 120));
}

/* Receives the replies to the pieces of one read, each into its place, and with each the header of the next. */
static void receive_read(struct floor *floor, uint64_t offset, size_t pieces)
{
    uint8_t header[READ_HEADER], following[READ_HEADER];
    size_t size = piece_size(floor);

    if (pieces > 1)
        receive_all(floor->fd, header, sizeof header);
    for (size_t piece = 0; piece < pieces; piece++) {
        bool one = pieces == 1, last = piece + 1 == pieces;
        size_t place = one ? 0 : get_u32(header + 4) * size;
        struct iovec iov[3] = {
            {.iov_base = header, .iov_len = one ? sizeof header : 0},
            {.iov_base = floor->buffer + place, .iov_len = size},
            {.iov_base = following, .iov_len = last ? 0 : sizeof following},
        };
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = 3};
        ssize_t expected = (ssize_t)(iov[0].iov_len + iov[1].iov_len + iov[2].iov_len);
        if (!one)
            check_header(header, size);
        if (recvmsg(floor->fd, &message, MSG_WAITALL) != expected)
            die("the connection ended");
        if (one)
            check_header(header, size);
        if (!last)
            memcpy(header, following, sizeof header);
    }
    pattern_check(floor->buffer, floor->size, offset, floor->check_everything);
}

static size_t start, end; /* of what lies in floor->replies and is not looked at yet */

/* The next complete reply, or NULL. */
static const uint8_t *complete_reply(struct floor *floor, size_t *length)
{
    if (end - start < 4)
        return NULL;
    *length = 4 + (get_u32(floor->replies + start) & ~(1u << 31));
    return end - start < *length ? NULL : floor->replies + start;
}

static void receive_some(struct floor *floor)
{
    ssize_t got;

    if (start == end)
        start = end = 0;
    if (REPLIES - end < PIECE) {
        memmove(floor->replies, floor->replies + start, end - start);
        end -= start;
        start = 0;
    }
    got = recv(floor->fd, floor->replies + end, PIECE, 0);
    if (got <= 0)
        die("the connection ended");
    end += (size_t)got;
}

static void check_reply(struct floor *floor, const uint8_t *reply, uint64_t offset)
{
    if (floor->writes) {
        if (get_u32(reply + 24) != 0 || get_u32(reply + 28) != 0)
            die("write: refused or an error");
        return;
    }
    check_header(reply, floor->size);
    pattern_check((const char *)reply + READ_HEADER, floor->size, offset, floor->check_everything);
}

static void receive_writes(struct floor *floor, size_t replies)
{
    const uint8_t *reply;
    size_t length;

    while (replies) {
        while ((reply = complete_reply(floor, &length)) != NULL) {
            check_reply(floor, reply, 0);
            start += length;
            replies--;
        }
        if (replies)
            receive_some(floor);
    }
}

static void run_sync(struct floor *floor, long count)
{
    size_t size = piece_size(floor), pieces = floor->size / size;

    for (long index = 0; index < count; index++) {
        uint64_t offset = offset_of(floor->size, index);
        for (size_t piece = 0; piece < pieces; piece++)
            queue(floor, (uint32_t)piece, offset + piece * size);
        send_queued(floor);
        if (floor->writes)
            receive_writes(floor, pieces);
        else
            receive_read(floor, offset, pieces);
    }
}

static void run_async(struct floor *floor, long count)
{
    uint64_t offsets[MAX_DEPTH];
    const uint8_t *reply;
    long begun = 0, done = 0;
    size_t length;

    for (uint32_t slot = 0; slot < (uint32_t)floor->depth && begun < count; slot++)
        queue(floor, slot, offsets[slot] = offset_of(floor->size, begun++));
    while (done < count) {
        send_queued(floor);
        receive_some(floor);
        while ((reply = complete_reply(floor, &length)) != NULL) {
            uint32_t slot = get_u32(reply + 4);
            if (slot >= (uint32_t)floor->depth)
                die("a reply to no call");
            check_reply(floor, reply, offsets[slot]);
            start += length;
            done++;
            if (begun < count)
                queue(floor, slot, offsets[slot] = offset_of(floor->size, begun++));
        }
    }
}

void run(struct floor *floor, long count)
{
    if (floor->depth)
        run_async(floor, count);
    else
        run_sync(floor, count);
}
