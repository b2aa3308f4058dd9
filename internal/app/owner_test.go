package app

import (
	"os"
	"path/filepath"
	"testing"

	"envoyd/internal/parts"
)

// `sudo envoyd token set` while the service is stopped must not leave a token
// that the service cannot read.
func TestWhatRootWritesBelongsToTheFoldersOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		parts.Missing(t, "only root writes files of others")
	}
	dir := t.TempDir()
	const owner, group = 12345, 12346
	for _, path := range []string{"tokens/122333444555.json", "gateways.json"} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(dir, "somebody's")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, uid := range map[string]int{dir: owner, other: 777} {
		if err := os.Chown(path, uid, group); err != nil {
			t.Fatal(err)
		}
	}
	if err := giveBack(dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{
		"gateways.json": owner, "tokens": owner, "tokens/122333444555.json": owner, "somebody's": 777,
	} {
		if is, ok := ownerOf(filepath.Join(dir, path)); !ok || is.Uid != want {
			t.Errorf("%s belongs to %d, want %d", path, is.Uid, want)
		}
	}
}
