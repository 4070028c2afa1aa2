#pragma once

/* A small JPEG of the picture on standard input, to standard output: the longer edge at most `edge`, turned the way its
 * camera was held, on white, without anything else the file says (place, camera, comments). kind: "jpeg" or "png".
 * Closes the sandbox before the first byte is looked at. 0; 1 it is no such picture, or too large; 2 this cannot work here. */
int thumbnail_write(const char *kind, int edge);
