// Package completion completes command lines of yodel and yodeld in bash and zsh. The shells' functions (completion.bash and completion.zsh, in which
// @PROG@ is the program's name) run the program without arguments and with what has been typed in the environment, in YODEL_COMPLETE: a word on each line,
// the program's name first, last what is being typed, which may be empty. The program prints the commands or flags that may follow, and does nothing
// else: what has been typed is never a command line, whatever stands in it, and the shells never evaluate it.
package completion
