# Where things are installed. The programs look for policies in /etc/pinscope: install with the prefix
# /usr, or tell them with --policy.
install(TARGETS pinscope pinscope-hook pinscope-runtime pinscoped
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES docs/man/pinscope.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/pinscope-policy.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/pinscope-hook.8 docs/man/pinscope-runtime.8 docs/man/pinscoped.8
  docs/man/pam_pinscope.8
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
# The pages, under the paths that they have in the tree, so that their links and the names in messages
# ("docs/engines/lsm.md") lead somewhere. What the tree has in config/ are examples there.
install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN "*.md" PATTERN "schemas/*.json" PATTERN "pictures/*" PATTERN "man" EXCLUDE)
file(CREATE_LINK examples ${PROJECT_BINARY_DIR}/config SYMBOLIC)
install(FILES ${PROJECT_BINARY_DIR}/config DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET pam_pinscope)
  install(TARGETS pam_pinscope LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/security)
endif()
install(FILES config/policy.schema.json config/policy-test.schema.json
  DESTINATION ${CMAKE_INSTALL_DATADIR}/pinscope)
install(FILES config/policy.schema.json config/policy-test.schema.json
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY config/seccomp DESTINATION ${CMAKE_INSTALL_DATADIR}/pinscope)
install(FILES config/systemd/pinscope-exceptions.service config/systemd/pinscope-exceptions.timer
  config/systemd/pinscope-follow.service config/systemd/pinscope-gc.service config/systemd/pinscope-gc.timer
  config/systemd/pinscope-metrics.service config/systemd/pinscope-metrics.timer
  config/systemd/pinscope-values-holder.service config/systemd/pinscope-values.service
  config/systemd/pinscoped.service DESTINATION lib/systemd/system)
install(FILES config/logrotate/pinscope DESTINATION ${CMAKE_INSTALL_DOCDIR}/logrotate)
install(DIRECTORY config/policies config/logrotate config/prometheus config/selinux config/apparmor
  DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# Empty: nothing is in force by installing it. With the prefix /usr, this is /etc.
install(CODE "
  set(etc \"\${CMAKE_INSTALL_PREFIX}/etc\")
  if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
    set(etc /etc)
  endif()
  file(MAKE_DIRECTORY \"\$ENV{DESTDIR}\${etc}/pinscope/policy.d\")
  file(CHMOD \"\$ENV{DESTDIR}\${etc}/pinscope\" \"\$ENV{DESTDIR}\${etc}/pinscope/policy.d\"
    DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)")

# pinscope_completion(<shell> <file name> <destination>): made by the program that it completes.
function(pinscope_completion shell file destination)
  set(script ${PROJECT_BINARY_DIR}/completion/${shell}/${file})
  add_custom_command(OUTPUT ${script}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/completion/${shell}
    COMMAND pinscope completion ${shell} > ${script}
    DEPENDS pinscope VERBATIM
    COMMENT "Generating the completion script for ${shell}")
  add_custom_target(completion_${shell} ALL DEPENDS ${script})
  install(FILES ${script} DESTINATION ${destination})
endfunction()
pinscope_completion(bash pinscope ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
pinscope_completion(zsh _pinscope ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
pinscope_completion(fish pinscope.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
