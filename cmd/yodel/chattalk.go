package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yodel/peer"
	"yodel/wire"
)

const (
	// longestTalk is how long the microphone of a chat is open at most: somebody has forgotten it.
	longestTalk = 10 * time.Minute
	// atOnce is how soon after another line, or before one, an empty one is no key that was pressed, but a part of what was pasted: it opens no
	// microphone.
	atOnce = 100 * time.Millisecond
	// justEnded is how soon after a talk has ended by itself Enter was meant to end it, and opens no microphone.
	justEnded = 2 * time.Second
)

// micTalk is a talk from the microphone of a chat. It has a goroutine of its own, which ends with the talk.
type micTalk struct {
	enough chan struct{} // closed when the microphone is to be closed
	asked  bool          // it is
	over   chan struct{} // closed when its end was told
	ended  time.Time     // when it was, once over
}

// enter begins a talk, or ends the one that is under way.
func (c *chat) enter(ctx context.Context, pasted bool) {
	switch t := c.talk; {
	case t != nil && !isClosed(t.over) && !t.asked:
		t.asked = true
		close(t.enough)
	case t != nil && !isClosed(t.over):
		c.out.errorLine("the microphone is closed; what the daemon got of the talk is not told yet")
	case pasted, t != nil && !t.asked && time.Since(t.ended) < justEnded, c.lines.follows(ctx, atOnce):
	default:
		c.talk = c.startTalk(ctx)
	}
}

// startTalk opens the microphone. What goes wrong is told, and the chat goes on.
func (c *chat) startTalk(ctx context.Context) *micTalk {
	t := &micTalk{enough: make(chan struct{}), over: make(chan struct{})}
	go func() {
		defer close(t.over)
		err := c.speak(ctx, t.enough)
		if err != nil && ctx.Err() == nil {
			c.out.errorLine("yodel: error: " + wire.Printable(err.Error()))
		}
		t.ended = time.Now()
	}()
	return t
}

// endTalk ends a talk that is under way and waits until that is told.
func (c *chat) endTalk() {
	t := c.talk
	if t == nil {
		return
	}
	if !t.asked {
		t.asked = true
		close(t.enough)
	}
	<-t.over
}

// speak talks from the microphone until enough is closed, the recorder ends, or ctx. The speaker is silent meanwhile: it and the
// microphone would pass what is said round and round.
func (c *chat) speak(ctx context.Context, enough <-chan struct{}) error {
	program, err := recorderLine()
	if err != nil {
		return err
	}
	codec, err := c.chooseCodec("")
	if err != nil {
		return err
	}
	t := &talker{shell: c.shell, client: c.client, shoutOf: shout{codec: codec}}
	talk, err := t.beginUnless(ctx, enough)
	if err != nil || talk == nil {
		return err
	}
	c.sound.hushed.Store(true)
	var said lastLine
	played := t.speak(ctx, talk, microphone{
		program: program, enough: enough, longest: longestTalk, stderr: &said, onFrame: c.shell.progress("; Enter ends"),
		open: func() { c.out.remark("the microphone is open, and the speaker silent: Enter ends") },
	})
	c.sound.hushed.Store(false)
	if errors.Is(played, errRecorder) {
		played = said.explain(played)
	}
	report, err := t.end(ctx, talk, played)
	if err == nil {
		c.out.remark(fmt.Sprintf("you shouted %s; %d of %d frames lost", tenth(report.Duration), report.Lost, report.Frames))
	}
	return err
}

// beginUnless asks for a talk, unless it is enough before there is one: then it gives none.
func (t *talker) beginUnless(ctx context.Context, enough <-chan struct{}) (*peer.Talk, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan struct{})
	defer close(answered)
	go func() {
		select {
		case <-enough:
			cancel()
		case <-answered:
		}
	}()
	talk, err := t.begin(asking)
	if err != nil && isClosed(enough) && ctx.Err() == nil {
		return nil, nil
	}
	return talk, err
}

// toggleSound turns the sound off or on.
func (c *chat) toggleSound() {
	switch muted := c.sound.toggle(); {
	case muted:
		c.out.errorLine("the sound is off: /mute turns it on")
	case isClosed(c.sound.resolved) && !c.sound.playing.Load():
		c.out.errorLine("the sound is on, but there is no speaker")
	default:
		c.out.errorLine("the sound is on: /mute turns it off")
	}
}
