/* BCC asks for this file and, without kernel headers, needs nothing in it. */
