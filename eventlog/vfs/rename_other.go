//go:build !linux

package vfs

func renameNew(oldName, newName string) error { return linkUnlink(oldName, newName) }
