package status_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/status"

	"github.com/google/go-cmp/cmp"
)

func TestSinceMovesOnlyWithTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := status.NewBoard(slog.New(slog.NewTextHandler(&log, nil)))
		began := time.Now()
		b.Set("mqtt", status.Red, "refused", "check")
		<-time.After(time.Minute)
		b.Set("mqtt", status.Red, "still refused", "check")
		c := b.Get("mqtt")
		if !c.Since.Equal(began) || c.Message != "still refused" {
			t.Errorf("got %+v", c)
		}
		<-time.After(time.Minute)
		b.Set("mqtt", status.Green, "connected", "")
		if c := b.Get("mqtt"); !c.Since.Equal(began.Add(2 * time.Minute)) {
			t.Errorf("got %+v", c)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines for two changes:\n%s", n, log.String())
		}
	})
}

func TestConditionsComeWorstFirst(t *testing.T) {
	b := status.NewBoard(slog.New(slog.DiscardHandler))
	b.Set("b", status.Green, "", "")
	b.Set("a", status.Green, "", "")
	b.Set("c", status.Yellow, "", "")
	b.Set("d", status.Red, "", "")
	b.Set("e", status.Red, "", "")
	b.Forget("e")
	var names []string
	for _, c := range b.Conditions() {
		names = append(names, c.Name)
	}
	if d := cmp.Diff([]string{"d", "c", "a", "b"}, names); d != "" {
		t.Error(d)
	}
}

func TestALoopThatDoesNotComeRoundIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := status.NewBoard(slog.New(slog.DiscardHandler))
		b.Beat("fast", time.Second)
		b.Beat("slow", time.Minute)
		b.Beat("gone", time.Second)
		b.Done("gone")
		if stuck := b.Stuck(); stuck != nil {
			t.Errorf("stuck at once: %v", stuck)
		}
		<-time.After(2 * time.Second)
		if d := cmp.Diff([]string{"fast"}, b.Stuck()); d != "" {
			t.Error(d)
		}
		b.Beat("fast", time.Second)
		if stuck := b.Stuck(); stuck != nil {
			t.Errorf("stuck after a beat: %v", stuck)
		}
	})
}
