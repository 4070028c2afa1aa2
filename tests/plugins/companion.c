/* A library that a plugin needs by path. */
int companion(void);

__attribute__((visibility("default"))) int companion(void)
{
    return 1;
}
