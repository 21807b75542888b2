package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// limit is how long the whole demonstration may take.
const limit = 60 * time.Second

func main() { os.Exit(run()) }

func run() int {
	bin := flag.String("bin", "bin", "folder of yodel and yodeld")
	voice := flag.String("voice", "testdata/speech.wav", "16-bit WAV to shout")
	out := flag.String("out", "", "where to leave the echo (default demo-echo.wav in the folder of the programs)")
	flag.Parse()
	if *out == "" {
		*out = filepath.Join(*bin, "demo-echo.wav")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := demonstrate(ctx, *bin, *voice, *out); err != nil {
		fmt.Fprintln(os.Stderr, "demo: error:", err)
		return 1
	}
	return 0
}

// demonstrate runs the parts; whatever happens, everything that was started has ended when it returns.
func demonstrate(ctx context.Context, bin, voice, out string) (err error) {
	s, err := newStage(ctx, bin)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := s.close(); err == nil {
			err = closeErr
		}
	}()
	chatReport, err := chat(s)
	if err != nil {
		return fmt.Errorf("chat: %w", err)
	}
	voiceReport, err := shout(s, voice, out)
	if err != nil {
		return fmt.Errorf("voice: %w", err)
	}
	fmt.Println(voiceReport)
	fmt.Println(chatReport)
	fmt.Printf("The echo is in %s. Everything is stopped.\n", out)
	return nil
}
