/* Since 6.18 the header has another name. */
#include <linux/entry-virt.h>
