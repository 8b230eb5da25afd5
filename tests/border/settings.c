/* Settings that can be seen to have an effect: the interface, what is told on the standard error output. */
#include "common.h"

/* What a call has written to the standard error output. */
static const char *told(int level, int (*act)(struct nfs_context *context), struct nfs_context *context)
{
    static char text[1000];
    int ends[2], before = dup(STDERR_FILENO);
    ssize_t count;

    nfs_set_debug(context, level);
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        exit(2);
    FAILS(act(context));
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    count = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    text[count > 0 ? count : 0] = '\0';
    return text;
}

static int stat_missing(struct nfs_context *context)
{
    struct nfs_stat_64 st;

    return nfs_stat64(context, "/missing", &st);
}

static int mount_by_interface(struct nfs_context *context, const char *name)
{
    nfs_set_interface(context, name);
    return nfs_mount(context, server, export_dir);
}

int main(int argc, char **argv)
{
    char url[5000];
    const char *text;
    struct nfs_url *parts;

    start(argc, argv);
    nfs = nfs_init_context();
    EXPECT(mount_by_interface(nfs, "nothing0") == -ENODEV);
    EXPECT(mount_by_interface(nfs, "a name that is longer than interfaces have") < 0);
    EXPECT(mount_by_interface(nfs, "lo") == 0);
    nfs_destroy_context(nfs);

    nfs = nfs_init_context();
    snprintf(url, sizeof(url), "nfs://%s%s?if=nothing0&debug=1", server, export_dir);
    parts = nfs_parse_url_dir(nfs, url);
    nfs_destroy_url(parts);
    FAILS(nfs_mount(nfs, server, export_dir));
    RETURNS(0, mount_by_interface(nfs, NULL));

    EXPECT(strcmp(told(0, stat_missing, nfs), "") == 0);
    text = told(1, stat_missing, nfs);
    EXPECT(strncmp(text, "libnfs: ", 8) == 0);
    EXPECT(strstr(text, "/missing") && strstr(text, nfs_get_error(nfs)));
    EXPECT(text[0] && text[strlen(text) - 1] == '\n' && strchr(text, '\n') == text + strlen(text) - 1);
    nfs_destroy_context(nfs);
    return finish();
}
