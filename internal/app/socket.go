package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"envoyd/internal/config"

	"golang.org/x/sync/errgroup"
)

const socketName = "envoyd.sock"

// sockets lists where the daemon of this configuration may listen, best first:
// where systemd says, where it says so to the service, beside the store.
func sockets(cfg *config.Config) []string {
	var all []string
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" {
		all = append(all, filepath.Join(dir, socketName))
	}
	if cfg.Store.Path == "" {
		all = append(all, "/run/envoyd/"+socketName)
	}
	return append(all, filepath.Join(cfg.StateDir(), socketName))
}

// socketPath is where this daemon listens.
func socketPath(cfg *config.Config) string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" {
		return filepath.Join(dir, socketName)
	}
	return filepath.Join(cfg.StateDir(), socketName)
}

// startSocket serves the API and the commands' needs to the users of this
// machine who may open the socket: the owner and the group envoyd.
func (a *App) startSocket(ctx context.Context, g *errgroup.Group) error {
	a.web = a.newWeb()
	if a.opt.Dial != nil {
		return nil
	}
	path := socketPath(a.cfg)
	l, err := listenUnix(ctx, path)
	if err != nil {
		// Without it the daemon does its work; only the commands beside it
		// have to do without.
		a.opt.Log.Warn("no socket for the commands", "path", path, "error", err)
		return nil
	}
	server := &http.Server{Handler: a.controlHandler(), ReadHeaderTimeout: 10 * time.Second}
	g.Go(func() error { return serve(ctx, server, l) })
	return nil
}

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	// A socket left by a killed daemon is in the way; one that is alive cannot
	// be there, because its daemon would hold the lock of the state folder.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the group is meant to use it
		return nil, errors.Join(err, l.Close())
	}
	if group, err := user.LookupGroup("envoyd"); err == nil {
		if id, err := strconv.Atoi(group.Gid); err == nil {
			_ = os.Chown(path, -1, id) // only root or a member may; systemd has set the group already
		}
	}
	return l, nil
}

// serve runs the server until ctx ends, then lets open answers finish briefly.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
	stopped := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(end) != nil {
			_ = server.Close() // streams never end by themselves
		}
	})
	defer stopped()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	return nil
}
