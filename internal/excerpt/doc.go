// Package excerpt takes out of the output of a failed command the few lines
// that say why it failed: the first real error, its place and its code frame,
// without terminal escapes and with secrets masked. It knows how wrangler, npm,
// the bundlers, the compilers and the test runners report errors, and falls
// back to the last lines of a program that it does not know.
//
// Its one rule: nothing leaves it unmasked. [Find] and [First] mask what they
// were told and what looks like a secret before they choose a line or cut one,
// so that no half of a secret is left at a cut.
//
// It does no I/O and does not know whether the command failed. [Tail] remembers
// of an output of any size what Find needs, within a fixed bound, and unmasked:
// it is for Find, not for showing.
package excerpt
