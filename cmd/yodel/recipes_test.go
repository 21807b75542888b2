//go:build !race

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipesOf are the command lines of the README's section on sound in files and pipes.
func recipesOf(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n### Sound in files and pipes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var lines []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return lines
}

// talkRecipe is the script that runs a line which shouts a file of 0.8 s.
const talkRecipe = `
daemon --delay 300ms
tone tone.wav 0.8 48000
exec ffmpeg -v error -i tone.wav%s %s
start h yodel hear -o heard.wav --until-silence 1s --nick bob --identity bob.pem
await h.err '^sample 0'
exec sh line.sh
stderr 'alice shouted [01]\.\d s in lobby; 0 of \d+ frames lost'
ends h 0
sounds heard.wav 0.75 0.9
-- line.sh --
%s
`

// hearRecipe is the script that runs a line which hears 0.8 s, and looks at what it has made.
const hearRecipe = `
daemon --delay 1s
tone tone.wav 0.8 48000
start h sh line.sh
await h.err '^sample 0'
exits 0 yodel talk tone.wav
ends h 0
exec ffmpeg -v error%s -i %s heard.wav
sounds heard.wav 0.75 0.9
-- line.sh --
%s
-- .asoundrc --
pcm.!default { type file slave.pcm "null" file "card.raw" format "raw" }
`

// What the README says of ffmpeg, sox and aplay is done with ffmpeg, sox and aplay.
func TestTheRecipesOfTheREADME(t *testing.T) {
	dir := t.TempDir()
	encoders := map[string]string{".ogg": " -c:a libvorbis", ".opus": " -c:a libopus"}
	count := map[string]int{}
	for i, line := range recipesOf(t) {
		word := "hear"
		script := ""
		if strings.Contains(line, "yodel talk") {
			word = "talk"
			file := regexp.MustCompile(`song\.\w+`).FindString(line)
			script = fmt.Sprintf(talkRecipe, encoders[filepath.Ext(file)], file, line)
		} else {
			file := cmp.Or(regexp.MustCompile(`room\.\w+`).FindString(line), "card.raw")
			format := ""
			if file == "card.raw" {
				format = " -f s16le -ar 48000 -ac 1"
			}
			script = fmt.Sprintf(hearRecipe, format, file, line)
		}
		count[word]++
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s_%d.txtar", word, i)), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if count["talk"] < 5 || count["hear"] < 3 {
		t.Fatalf("the README has %v", count)
	}
	runScripts(t, scriptsIn(dir))
}
