/* Every call on a context that was never mounted. */
#include "every-call.h"

int main(int argc, char **argv)
{
    const char *cwd = NULL;

    start(argc, argv);
    nfs = nfs_init_context();
    every_call_fails();
    nfs_getcwd(nfs, &cwd);
    EXPECT(cwd != NULL && strcmp(cwd, "/") == 0);
    SURVIVES(nfs_umount(nfs));
    EXPECT(nfs_get_readmax(nfs) == 0);
    EXPECT(nfs_get_writemax(nfs) == 0);
    EXPECT(nfs_get_error(nfs) != NULL);
    /* It is as good as new. */
    nfs_set_timeout(nfs, 10000);
    RETURNS(0, nfs_mount(nfs, server, export_dir));
    RETURNS(0, nfs_access(nfs, "/", R_OK));
    nfs_destroy_context(nfs);
    return finish();
}
