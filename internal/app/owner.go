package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// giveBack makes what root wrote into the state folder belong to the folder's
// owner: files that a command of root leaves there the service could not read.
func giveBack(dir string) error {
	owner, ok := ownerOf(dir)
	if os.Geteuid() != 0 || !ok || owner.Uid == 0 {
		return nil
	}
	root, err := os.OpenRoot(dir) // links that lead out of the folder are not followed
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if is, ok := ownerOf(filepath.Join(dir, path)); ok && is.Uid == 0 {
			return root.Lchown(path, int(owner.Uid), int(owner.Gid))
		}
		return nil
	})
}

func ownerOf(path string) (*syscall.Stat_t, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return stat, ok
}
