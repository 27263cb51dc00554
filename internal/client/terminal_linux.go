package client

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal for a command whose output goes to a terminal.
// It changes no byte, because the one at the end does that, has the same size,
// and is nobody's controlling terminal: Ctrl-C and /dev/tty stay with the real
// one.
func openTerminal(like *os.File) (near, command *os.File, err error) {
	near, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			near.Close()
		}
	}()
	number := 0
	if err := control(near, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	}); err != nil {
		return nil, nil, err
	}
	path := "/dev/pts/" + strconv.Itoa(number)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	command = os.NewFile(uintptr(fd), path)
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil {
		mode.Oflag &^= unix.OPOST
		mode.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
		err = unix.IoctlSetTermios(fd, unix.TCSETS, mode)
	}
	if err != nil {
		command.Close()
		return nil, nil, err
	}
	copyWindowSize(near, like)
	return near, command, nil
}

// copyWindowSize gives one terminal the size of another; it stays as it is where
// that has none.
func copyWindowSize(to, from *os.File) {
	_ = control(from, func(fd int) error {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			return err
		}
		return control(to, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
	})
}

// control calls f with the descriptor of a file; unlike Fd it leaves deadlines
// at work.
func control(file *os.File, f func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	inner := conn.Control(func(fd uintptr) { err = f(int(fd)) })
	if inner != nil {
		return inner
	}
	return err
}
