#compdef @PROG@
# zsh completion for @PROG@: commands and flags, which it tells itself.
_@PROG@() {
	local -a given options
	given=(@PROG@)
	if (( CURRENT > 2 )); then
		given+=("${(@Q)words[2,CURRENT-1]}")
	fi
	given+=("$PREFIX")
	options=("${(@f)$(YODEL_COMPLETE="${(pj:\n:)given}" command @PROG@ 2>/dev/null </dev/null)}")
	if [[ -n ${options[1]} ]]; then
		compadd -- "${options[@]}"
	else
		_files
	fi
}

if [[ ${funcstack[1]} == _@PROG@ ]]; then
	_@PROG@ "$@"
else
	compdef _@PROG@ @PROG@
fi
