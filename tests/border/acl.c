/* ACLs of files and directories. What is in them depends on the server. */
#include "common.h"

#include <nfsc/libnfs-raw-nfs.h>

static void check(const fattr3_acl *acl)
{
    unsigned int i;

    EXPECT((acl->ace_count == 0) == (acl->ace == NULL));
    EXPECT((acl->default_ace_count == 0) == (acl->default_ace == NULL));
    for (i = 0; i < acl->ace_count; i++)
        EXPECT((acl->ace[i].type & NFSACL_TYPE_DEFAULT) == 0 && acl->ace[i].perm < 8);
    for (i = 0; i < acl->default_ace_count; i++)
        EXPECT((acl->default_ace[i].type & NFSACL_TYPE_DEFAULT) != 0 && acl->default_ace[i].perm < 8);
}

static int done, status_done;

static void got(int status, struct nfs_context *context, void *data, void *private_data)
{
    EXPECT(context == nfs && private_data == &done);
    status_done = status;
    if (status == 0)
        check(data);
    else
        EXPECT(strlen(data) > 5);
    done++;
}

static void acl_of(const char *path)
{
    fattr3_acl acl;
    struct nfsfh *fh = NULL;

    memset(&acl, 0xff, sizeof(acl));
    RETURNS(0, nfs_open(nfs, path, O_RDONLY, &fh));
    RETURNS(0, nfs3_getacl(nfs, fh, &acl));
    check(&acl);
    nfs3_acl_free(&acl);
    EXPECT(acl.ace_count == 0 && acl.ace == NULL && acl.default_ace_count == 0 && acl.default_ace == NULL);
    nfs3_acl_free(&acl);

    done = 0;
    EXPECT(nfs3_getacl_async(nfs, fh, got, &done) == 0);
    EXPECT(turn_until(nfs, &done, 1) == 0 && status_done == 0);
    FAILS(nfs3_getacl(nfs, fh, NULL));
    FAILS(nfs3_getacl_async(nfs, fh, NULL, NULL));
    RETURNS(0, nfs_close(nfs, fh));

    memset(&acl, 0xff, sizeof(acl));
    RETURNS(-EBADF, nfs3_getacl(nfs, fh, &acl));
    check(&acl);
    nfs3_acl_free(&acl);
    RETURNS(-EBADF, nfs3_getacl_async(nfs, fh, got, &done));
    EXPECT(done == 1);
}

int main(int argc, char **argv)
{
    struct nfs_context *other;
    struct nfsfh *fh = NULL;
    fattr3_acl acl;

    start(argc, argv);
    make_file("file", "0123456789");
    if (mkdir(local("dir"), 0755) != 0)
        return 2;
    nfs = mounted();
    acl_of("/file");
    acl_of("/dir");
    acl_of("/");
    nfs3_acl_free(NULL);
    RETURNS(-EINVAL, nfs3_getacl(nfs, NULL, &acl));
    EXPECT(nfs3_getacl(NULL, NULL, &acl) == -EINVAL);

    /* With another context than its own, and while that goes. */
    RETURNS(0, nfs_open(nfs, "/file", O_RDONLY, &fh));
    other = nfs;
    nfs = mounted();
    RETURNS(-EBADF, nfs3_getacl(nfs, fh, &acl));
    nfs_destroy_context(nfs);
    nfs = other;
    done = 0;
    EXPECT(nfs3_getacl_async(nfs, fh, got, &done) == 0);
    nfs_destroy_context(nfs);
    EXPECT(done == 1 && status_done == -EINTR);
    EXPECT(nfs3_getacl(nfs, fh, &acl) == -EBADF);
    return finish();
}
