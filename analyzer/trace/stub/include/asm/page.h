/* BCC asks for this file; program.c uses no page size. */
#define PAGE_SIZE 4096
