# bash completion for @PROG@: commands and flags, which it tells itself.
_@PROG@() {
	local cur=${COMP_WORDS[COMP_CWORD]} word i
	local -a words=(@PROG@)
	COMPREPLY=()
	# bash breaks words at = and :, @PROG@ does not. The value of a flag is for bash to complete.
	case $cur in
	= | :) return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		= | :)
			[ "$((i + 1))" = "$COMP_CWORD" ] && return
			words[-1]+=$word${COMP_WORDS[++i]}
			;;
		*) words+=("$word") ;;
		esac
	done
	words+=("$cur")
	local IFS=$'\n'
	while IFS= read -r word; do
		COMPREPLY+=("$word")
	done < <(YODEL_COMPLETE="${words[*]}" command @PROG@ 2>/dev/null </dev/null)
}

complete -o bashdefault -o default -F _@PROG@ @PROG@
