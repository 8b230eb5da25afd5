/* Asynchronous calls, one at a time: what was submitted is waited for, and its result is kept. */
#ifndef ASYNC_H
#define ASYNC_H

#include "common.h"

/* What the data of a callback is when the call has succeeded. */
enum data { NOTHING, STAT, STAT64, HANDLE, DIRECTORY, TARGET, STATVFS, STATVFS64, OFFSET, BYTES };

/* One call: what to expect, and what came. */
struct call {
    enum data kind;
    int calls, status;
    char text[200];
    struct nfsfh *handle;
    struct nfsdir *directory;
};

/* Describes what a successful call gave, in the same way for both forms of a function. */
HELPER void describe(struct call *call, const void *data)
{
    char *text = call->text;
    size_t size = sizeof(call->text);
    const struct nfs_stat_64 *st64 = data;
    const struct stat *st = data;
    int count = 0;

    switch (call->kind) {
    case NOTHING:
        if (data)
            snprintf(text, size, " with data");
        break;
    case STAT:
        snprintf(text, size, " mode=%06o size=%lld", st->st_mode, S_ISREG(st->st_mode) ? (long long)st->st_size : 0);
        break;
    case STAT64:
        snprintf(text, size, " mode=%06llo size=%lld", (unsigned long long)st64->nfs_mode,
                 S_ISREG(st64->nfs_mode) ? (long long)st64->nfs_size : 0);
        break;
    case HANDLE:
        call->handle = (struct nfsfh *)data;
        snprintf(text, size, " handle");
        break;
    case DIRECTORY:
        call->directory = (struct nfsdir *)data;
        while (nfs_readdir(nfs, call->directory))
            count++;
        snprintf(text, size, " entries=%d", count);
        break;
    case TARGET:
        snprintf(text, size, " %.150s", labelled("target", data));
        break;
    case STATVFS:
        snprintf(text, size, " namemax=%lu", ((const struct statvfs *)data)->f_namemax);
        break;
    case STATVFS64:
        snprintf(text, size, " namemax=%llu", (unsigned long long)((const struct nfs_statvfs_64 *)data)->f_namemax);
        break;
    case OFFSET:
        snprintf(text, size, " at=%llu", (unsigned long long)*(const uint64_t *)data);
        break;
    case BYTES:
        if (call->status > 0)
            snprintf(text, size, " \"%.*s\"", call->status < 40 ? call->status : 40, (const char *)data);
        break;
    }
}

/* The callback; `private_data` is the call. */
HELPER void came(int status, struct nfs_context *context, void *data, void *private_data)
{
    struct call *call = private_data;

    call->calls++;
    call->status = status;
    if (context != nfs)
        snprintf(call->text, sizeof(call->text), " from another context");
    else if (status >= 0)
        describe(call, data);
    else if (data == NULL || *(const char *)data == '\0')
        snprintf(call->text, sizeof(call->text), " without a sentence");
}

/* Turns until the call is over, or nothing has happened for ten seconds. */
HELPER void wait_for(struct call *call)
{
    while (call->calls == 0) {
        struct pollfd pfd = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};
        int ret = poll(&pfd, 1, 10000);

        if (ret <= 0) {
            snprintf(call->text, sizeof(call->text), " poll=%d", ret);
            return;
        }
        if (nfs_service(nfs, pfd.revents) < 0 && call->calls == 0) {
            snprintf(call->text, sizeof(call->text), " service failed");
            return;
        }
    }
}

/* Waits for what was submitted with `ret`; a call that was refused has that result. */
HELPER void finish(struct call *call, int ret)
{
    if (ret != 0) {
        call->status = ret;
        snprintf(call->text, sizeof(call->text), " refused, %s", call->calls ? "and called back" : "not called back");
        return;
    }
    wait_for(call);
    if (call->calls > 1)
        snprintf(call->text, sizeof(call->text), " called back %d times", call->calls);
}

/* What the call gave is given back. */
HELPER void discard(struct call *call)
{
    if (call->handle)
        nfs_close(nfs, call->handle);
    if (call->directory)
        nfs_closedir(nfs, call->directory);
    call->handle = NULL;
    call->directory = NULL;
}

/* One case: a label, what the data will be, and a function with its arguments up to the callback. */
#define ASYNC_CASE(label, kind_, function, ...)                                           \
    do {                                                                                  \
        struct call call_ = {.kind = kind_};                                              \
                                                                                          \
        finish(&call_, function(nfs, ##__VA_ARGS__, came, &call_));                       \
        printf("%s: %s%s\n", label, outcome(call_.status), call_.text);                   \
        discard(&call_);                                                                  \
    } while (0)

#endif
