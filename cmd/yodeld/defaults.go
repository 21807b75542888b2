package main

import (
	"fmt"
	"strings"
)

const defaultHead = `# Configuration of yodeld, the Yodel daemon.
#
# Lines that begin with # and a letter are settings as they are when they are not set: take away the # and change them.
# A flag of yodeld serve wins over an environment variable (YODELD_ and the flag's name in capitals), and that over this file.
# Times are like "500ms", "2s", "12h" or "30d", sizes like "64K", "512M" or "2G" (in units of 1024). Paths are relative to this file's folder.
# yodeld config check tells what is wrong here, with the line. systemctl reload yodeld (SIGHUP) has a running daemon read it again; the log says
# what has changed, and what needs a restart: listen, state, control, gather, grid and http.listen do.
`

const defaultRooms = `
# Rooms that are always there. What is not said of one is as for other rooms, which anybody may make by joining them.
#
#   [rooms.studio]
#   delay = "2s"
#   keep = 10000                     # messages
#   keep_age = "30d"
#   keep_bytes = "64M"
#   join = ["*"]                     # who may enter, read, hear and write: "*" is everyone who may come in; else roles, and keys (SHA256:...)
#   talk = ["crew"]                  # who of them may speak; unset: all of them
`

// notes are what else is to be said of settings in the file, by their keys.
var notes = map[string]string{
	"http.listen": "# The packaged service may open no socket of its own: there systemd opens it. systemctl edit yodeld.socket, and add under [Socket]:\n" +
		"# ListenStream=127.0.0.1:9636. What stands here is for a daemon that binds its ports itself.\n",
}

// defaultFile is a configuration file with all settings, as they are when they are not set.
func defaultFile() string {
	var b strings.Builder
	b.WriteString(defaultHead)
	table := ""
	for i := range allSettings {
		s := &allSettings[i]
		in, name, nested := strings.Cut(s.key, ".")
		if !nested {
			in, name = "", s.key
		}
		if in != table {
			table = in
			fmt.Fprintf(&b, "\n[%s]\n", table)
		}
		fmt.Fprintf(&b, "\n# %s\n%s#%s = %s\n", s.described(), notes[s.key], name, s.written())
	}
	b.WriteString(defaultRooms)
	return b.String()
}

// described is what the flag's help says, as a sentence.
func (s *setting) described() string {
	text := strings.ReplaceAll(s.usage, "`", "")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// written is what the setting usually has, as it is written in a file.
func (s *setting) written() string {
	if s.kind == kindCount || s.kind == kindBool || s.kind == kindSize && s.usual == "0" {
		return s.usual
	}
	return `"` + s.usual + `"`
}
