// Demo does Yodel's main job once on this machine, with the real programs, and measures it: it starts a daemon on loopback with a
// state folder of its own, sends lines of chat to two readers, shouts a recorded voice into a room, hears the
// echo into a file, compares it with the same voice through the codec alone, and says in three lines what came out. It exits with 0
// only if everything was as it should be.
//
//	go run ./cmd/internal/demo -bin ./bin [-voice testdata/speech.wav] [-out bin/demo-echo.wav]
package main
