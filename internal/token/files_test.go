package token_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/token"
)

func TestFilesAreForTheDaemonAlone(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "tokens")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, dir, issue("owner", year))
	for path, want := range map[string]os.FileMode{open: 0o700, filepath.Join(open, serial+".json"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode().Perm(), want, err)
		}
	}
	entries, _ := os.ReadDir(open)
	if len(entries) != 1 {
		t.Errorf("%d files, want no leftover", len(entries))
	}
}

func TestSerialThatIsAPathNeverBecomesAFile(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "state")
	files := token.Open(dir)
	for _, bad := range []string{"", "../x", "../../122333444555", "12233344455/", "122333444555\n", "１２２３３３４４４５５５"} {
		tok := issue("owner", year)
		tok.Serial = bad
		if err := files.Save(tok); err == nil {
			t.Errorf("saved under %q", bad)
		}
		if _, err := files.Load(bad); err == nil {
			t.Errorf("loaded %q", bad)
		}
	}
	entries, _ := os.ReadDir(outer)
	if len(entries) != 0 {
		t.Errorf("something was made: %v", entries)
	}
}

func TestOldTokensStayUntilTheirOwnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		short, long := issue("installer", half), issue("owner", year)
		save(t, dir, short, long)
		if got := stored(t, dir); len(got) != 2 || !same(got[0], long) || !same(got[1], short) {
			t.Fatalf("kept %d, want the last saved first and the other", len(got))
		}
		time.Sleep(half)
		newest := issue("owner", year)
		save(t, dir, newest, newest)
		if got := stored(t, dir); len(got) != 2 || !same(got[0], newest) || !same(got[1], long) {
			t.Errorf("kept %d, want the new one once and the one that lives", len(got))
		}
	})
}

func TestStoredTokenKeepsItsStory(t *testing.T) {
	dir := t.TempDir()
	tok := issue("owner", year)
	tok.ObtainedAt = time.Date(2026, 6, 21, 10, 0, 0, 0, time.UTC)
	save(t, dir, tok)
	if got := stored(t, dir)[0]; got != tok {
		t.Errorf("got %+v, want %+v", got, tok)
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	other := issueFor("122333444999", "owner", year).Text.Reveal()
	for name, content := range map[string]string{
		"cut short":             `{"version":1,"tok`,
		"of a newer version":    `{"version":2,"tokens":[]}`,
		"empty":                 "",
		"zeros":                 strings.Repeat("\x00", 100),
		"not a token":           `{"version":1,"tokens":[{"token":"hello"}]}`,
		"another gateway's one": `{"version":1,"tokens":[{"token":"` + other + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			save(t, dir, issue("owner", year))
			path := filepath.Join(dir, "tokens", serial+".json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := token.Open(dir).Load(serial)
			if !errors.Is(err, token.ErrDamaged) || got != nil {
				t.Fatalf("got %v, %v; want it called damaged", got, err)
			}
			if aside, err := os.ReadFile(path + ".damaged"); err != nil || string(aside) != content {
				t.Errorf("it was not kept: %v", err)
			}
			if got := stored(t, dir); got != nil {
				t.Errorf("it was read again: %v", got)
			}
			save(t, dir, issue("owner", year))
			if len(stored(t, dir)) != 1 {
				t.Error("a new token could not take its place")
			}
		})
	}
}

func TestSaveOverADamagedFile(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, issue("owner", year))
	if err := os.WriteFile(filepath.Join(dir, "tokens", serial+".json"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	save(t, dir, issue("owner", year))
	if len(stored(t, dir)) != 1 {
		t.Error("the new token is not there")
	}
}
