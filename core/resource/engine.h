/* Starting the engine in a process that has loaded its plugins. */
#pragma once

/* Loads the declarations, hooks the engine into the floors below it: plugins' record interface, working days,
 * rows that follow their units. Once per process, before the first tenant is loaded. */
void engine_init(void);
