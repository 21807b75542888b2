package main

import (
	"io"
	"testing"

	"yodel/cmd/internal/manual"
)

func TestManualPageIsThatOfTheCommands(t *testing.T) {
	manual.Check(t, manualPage(), "yodeld.8")
}

func manualPage() manual.Page {
	app := newApp(io.Discard, io.Discard)
	app.Flags = nil // --help and --version
	app.Description = "The daemon keeps rooms, relays messages and voices between their members over UDP, encrypted, and plays every voice back to the\n" +
		"whole room after the room's delay. A setting comes from its flag, else from the environment (YODELD_ and the flag's name in capitals, with _ for -),\n" +
		"else from the configuration file, else it is the default.\n\n" +
		"Packages install it as a service of systemd, yodeld.service. Commands that ask or change a running daemon use its control socket, as root\n" +
		"or as a member of the group yodel."
	return manual.Page{
		App: app, Section: 8, Synopsis: []string{"yodeld serve [flags]", "yodeld COMMAND [flags] [arguments]"},
		More: []manual.Section{
			{Title: "Exit status", Terms: [][2]string{
				{"0", "Done."},
				{"1", "Failed."},
				{"2", "The command line, the environment or the configuration is wrong."},
				{"3", "The daemon is not running, or does not answer."},
				{"4", "Refused by the daemon, or nothing there to be done."},
			}},
			{Title: "Signals", Terms: [][2]string{
				{"SIGTERM, SIGINT", "The daemon commits what it has been sent, says goodbye to its peers, and ends."},
				{"SIGHUP", "It reads its configuration again. What cannot change while it runs is named in the log; a file with a fault changes nothing."},
			}},
			{Title: "Files", Terms: [][2]string{
				{"/etc/yodel/yodeld.toml", "The configuration of the service; yodeld config default prints it with all settings."},
				{"/etc/yodel/authorized_keys", "Keys that may come in, with their nicks and roles: FINGERPRINT [NICK [ROLE[,ROLE...]]]. It is read again when it changes."},
				{"/var/lib/yodel", "The state of the service: identity.pem (the daemon's key), messages.db (what was said), access.json (keys, bans and invites)."},
				{"/etc/credstore/yodeld.identity", "The key of the service, instead of one in the state folder, where there is such a file."},
				{"/run/yodel/control.sock", "The control socket of the service: JSON over HTTP, metrics among it."},
				{"/usr/share/yodeld/bind.conf", "A drop-in for yodeld.service, for a daemon that opens its UDP port itself."},
			}},
			{Title: "Examples", Text: "  yodeld invite --room club --host yodel.example.org\n  yodeld peers\n  yodeld kick alice --reason \"it is late\"\n" +
				"  yodeld ban 192.0.2.0/24 --for 24h\n  systemctl reload yodeld"},
		},
		SeeAlso: []string{"yodel(1)", "systemd.socket(5)", "systemctl(1)"},
	}
}
