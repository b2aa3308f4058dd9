package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"envoyd/internal/secret"
)

const hidden = "hunter2-very-secret"

// Whatever prints, logs or marshals a secret, alone or inside something, must
// not give it away.
func TestASecretIsNeverSeen(t *testing.T) {
	s := secret.New(hidden)
	type config struct {
		Password secret.Text
		Pointer  *secret.Text
		List     []secret.Text
	}
	c := config{Password: s, Pointer: &s, List: []secret.Text{s}}
	var seen bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&seen, verb+" "+verb+" "+verb+"\n", s, &s, c)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&seen, nil), slog.NewJSONHandler(&seen, nil)} {
		slog.New(h).Info("m", "s", s, "p", &s, "c", c)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	seen.Write(text)
	for _, form := range []string{hidden, fmt.Sprintf("%x", hidden), fmt.Sprintf("%d", []byte(hidden))} {
		if strings.Contains(seen.String(), form) {
			t.Errorf("%q was seen:\n%s", form, seen.String())
		}
	}
	if s.Reveal() != hidden {
		t.Error("Reveal does not give it")
	}
}

func TestAnEmptySecretShowsThatItIsNotSet(t *testing.T) {
	var s secret.Text
	if !s.IsZero() || s.String() != "" || secret.New("x").IsZero() {
		t.Error("set and not set are mixed up")
	}
}

func TestEqual(t *testing.T) {
	if !secret.New("a").Equal(secret.New("a")) || secret.New("a").Equal(secret.New("b")) {
		t.Error("Equal is wrong")
	}
}
