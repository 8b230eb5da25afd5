/* nfs_parse_url_full, nfs_parse_url_dir, nfs_parse_url_incomplete. */
#include "common.h"

static const char *const urls[] = {
    "nfs://server/export/dir/file",
    "nfs://server/export/dir/",
    "nfs://server/export",
    "nfs://server/",
    "nfs://server",
    "nfs://",
    "nfs:///",
    "nfs:///export/file",
    "nfs:/server/export/file",
    "nfs4://server/export/file",
    "NFS://server/export/file",
    "http://server/export/file",
    "server/export/file",
    "",
    "/",
    "nfs",
    "nfs://127.0.0.1/a/b",
    "nfs://127.0.0.1:2049/a/b",
    "nfs://server:2049/file",
    "nfs://server:2049/",
    "nfs://server:2049",
    "nfs://server:2049?version=3",
    "nfs://server:/a/b",
    "nfs://server:nfs/a/b",
    "nfs://server:70000/a/b",
    "nfs://server:1:2/a/b",
    "nfs://server%3a2049/a/b",
    "nfs://server/a:2049/b:1?if=c:d",
    "nfs://:2049/a/b",
    "nfs://[::1]/a/b",
    "nfs://[::1]:2049/a/b",
    "nfs://[fe80::1%25eth0]/a/b",
    "nfs://::1/a/b",
    "nfs://s/a/b",
    "nfs://user@server/a/b",
    "nfs://user@server:2049/a/b",
    "nfs://server?version=3/a/b",
    "nfs://server//a//b",
    "nfs://server/a//b",
    "nfs://server//",
    "nfs://server/a/b/",
    "nfs://server/a/./b/../c",
    "nfs://server/a%20b/c%2fd",
    "nfs://server/a%41b/c%zz",
    "nfs://server/a%/c",
    "nfs://server/a%4/c%4",
    "nfs://server/a%00b/c",
    "nfs://server/a%2fb",
    "nfs://server/a%252fb/c",
    "nfs://server/a/b%3fc=d",
    "nfs://s%65rver%2fa/b",
    "nfs://server/a b/c d",
    "nfs://server/a+b/c+d",
    "nfs://server/\xff\xfe/\x80",
    "nfs://server/a/b#fragment",
    "nfs://server/a/b?",
    "nfs://server/a/b?&",
    "nfs://server/a/b?version=3",
    "nfs://server/a/b?version=4",
    "nfs://server/a/b?version=2",
    "nfs://server/a/b?version=",
    "nfs://server/a/b?version",
    "nfs://server/a/b?version=3&uid=1000&gid=100",
    "nfs://server/a/b?uid=1000&&gid=100",
    "nfs://server/a/b?uid=-1",
    "nfs://server/a/b?uid=abc",
    "nfs://server/a/b?nfsport=2049&mountport=20048",
    "nfs://server/a/b?nfsport=0",
    "nfs://server/a/b?nfsport=70000",
    "nfs://server/a/b?version={VERS}",
    "nfs://server/a/b?uid=-2",
    "nfs://server/a/b?uid=99999999999999999999",
    "nfs://server/a/b?readahead=1M",
    "nfs://server/a/b?autoreconnect=",
    "nfs://server/a/b?autoreconnect=-5",
    "nfs://server/a/b?dircache=2",
    "nfs://server/a/b?readdir-buffer=0",
    "nfs://server/a/b?readdir-buffer=1,",
    "nfs://server/a/b?rsize=1M",
    "nfs://server/a/b?wsize=-1",
    "nfs://server/a/b?tcp-syncnt=x",
    "nfs://server/a/b?auto-traverse-mounts=yes",
    "nfs://server/a/b?mountport=-1",
    "nfs://server/a/b?retrans=many",
    "nfs://server/a/b?timeo=0",
    "nfs://server/a/b?if=",
    "nfs://server/a/b?sec=sys",
    "nfs://server/a/b?sec=krb5",
    "nfs://server/a/b?xprtsec=tls",
    "nfs://server/a/b?readahead=65536",
    "nfs://server/a/b?pagecache=16",
    "nfs://server/a/b?autoreconnect=-1",
    "nfs://server/a/b?tcp-syncnt=3",
    "nfs://server/a/b?auto-traverse-mounts=0",
    "nfs://server/a/b?dircache=0",
    "nfs://server/a/b?debug=0",
    "nfs://server/a/b?timeo=50",
    "nfs://server/a/b?if=lo",
    "nfs://server/a/b?unknown=1",
    "nfs://server/a/b?unknown",
    "nfs://server/a/b?=1",
    "nfs://server/a/b?a/b?c",
    "nfs://server/?version=3",
    "nfs://server?version=3",
    "nfs://server/a?version=3",
    "nfs://server/a/?version=3",
};

static void show(const char *operation, const char *text, struct nfs_url *url)
{
    const char *label = labelled(operation, text);

    if (url == NULL) {
        printf("%s: NULL, error %s\n", label, nfs_get_error(nfs) && *nfs_get_error(nfs) ? "set" : "not set");
        return;
    }
    printf("%s: %s", label, labelled("server", url->server));
    printf(" %s", labelled("path", url->path));
    printf(" %s\n", labelled("file", url->file));
    nfs_destroy_url(url);
}

static struct nfs_url *full(struct nfs_context *context, const char *url)
{
    return nfs_parse_url_full(context, url);
}

static struct nfs_url *dir(struct nfs_context *context, const char *url)
{
    return nfs_parse_url_dir(context, url);
}

static struct nfs_url *incomplete(struct nfs_context *context, const char *url)
{
    return nfs_parse_url_incomplete(context, url);
}

static void each(const char *operation, struct nfs_url *parse(struct nfs_context *, const char *))
{
    size_t i;

    for (i = 0; i < COUNT(urls); i++) {
        nfs = nfs_init_context();
        show(operation, urls[i], parse(nfs, urls[i]));
        nfs_destroy_context(nfs);
    }
}

/* A long server name, path and file name. */
static void long_parts(void)
{
    static char text[6000];
    struct nfs_url *url;
    int i;

    nfs = nfs_init_context();
    for (i = 0; i < 3; i++) {
        char part[3][1100] = {"server", "path", "file"};

        memset(part[i], 'x', 1099);
        snprintf(text, sizeof(text), "nfs://%s/%s/%s", part[0], part[1], part[2]);
        url = nfs_parse_url_full(nfs, text);
        if (url == NULL) {
            printf("full long part %d: NULL\n", i);
            continue;
        }
        printf("full long part %d: %zu %zu %zu\n", i, strlen(url->server), strlen(url->path), strlen(url->file));
        nfs_destroy_url(url);
    }
    nfs_destroy_context(nfs);
}

/* Arguments whose value can be read back. */
static void arguments(void)
{
    static const char *const queries[] = {
        "timeo=50", "timeo=0", "timeo=-1", "timeo=x", "version=3", "version=4", "version=5",
    };
    char text[200];
    size_t i;

    for (i = 0; i < COUNT(queries); i++) {
        struct nfs_url *url;

        nfs = nfs_init_context();
        snprintf(text, sizeof(text), "nfs://server/a/b?%s", queries[i]);
        url = nfs_parse_url_full(nfs, text);
        printf("argument %s: %s timeout=%d readmax=%llu writemax=%llu\n", queries[i], url ? "url" : "NULL",
               nfs_get_timeout(nfs), (unsigned long long)nfs_get_readmax(nfs),
               (unsigned long long)nfs_get_writemax(nfs));
        nfs_destroy_url(url);
        nfs_destroy_context(nfs);
    }
}

int main(int argc, char **argv)
{
    start(argc, argv);
    each("full", full);
    each("dir", dir);
    each("incomplete", incomplete);
    long_parts();
    arguments();
    nfs_destroy_url(NULL);
    printf("destroy (null): done\n");
    return 0;
}
