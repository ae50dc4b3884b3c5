//go:build !linux

package vfs

// Hasten does nothing where no system call does what it does on Linux.
func Hasten(File) {}
